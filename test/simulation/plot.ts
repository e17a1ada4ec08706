import { drawPlot, sharesOver } from '../figures/plot.ts'
import { boundOf } from './bound.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulated-swarm.ts'

/** Share of the nodes that have the whole, over time, beside the bound; as SVG. */
export function plotOf(scenario: Scenario, { completedAt, survivors }: Outcome): string {
  const points = sharesOver(completedAt.map((ms) => ms / 1_000))
  const share = completedAt.length / survivors
  return drawPlot({
    title: `${scenario.nodes} nodes: share that has the whole layer, and the bound (dashed)`,
    xLabel: 'seconds',
    yLabel: 'share of the nodes that live',
    series: [{ name: 'nodes', points: points.map(([seconds, part]) => [seconds, part * share]) }],
    marker: boundOf(scenario) / 1_000,
    steps: true,
  })
}
