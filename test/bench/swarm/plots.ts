import { drawPlot, sharesOver } from '../../figures/plot.ts'
import { describeWorkload } from './report.ts'
import type { CaseRuns, Row } from './results.ts'
import { boundOf } from './workload.ts'

/** Share of the nodes that have the image, over time, of the first repetition; as SVG. */
export function timeByNodePlot({ workload, contenders }: CaseRuns): string {
  return drawPlot({
    title: `Share of the nodes that have the image, and the bound (dashed)`,
    xLabel: `seconds (${describeWorkload(workload)})`,
    yLabel: 'share of the nodes',
    series: contenders.map(({ contender, runs }) => ({
      name: contender,
      points: sharesOver(runs[0]?.[0]?.times.map(({ done }) => done) ?? []),
    })),
    marker: boundOf(workload, 'create'),
    steps: true,
  })
}

export interface ByNodesInit {
  readonly title: string
  readonly yLabel: string
  readonly rows: readonly Row[]
  readonly figure: (row: Row) => number
}

/** A figure of each contender over the number of nodes; as SVG. */
export function byNodesPlot({ title, yLabel, rows, figure }: ByNodesInit): string {
  const names = [...new Set(rows.map(({ contender }) => contender))]
  return drawPlot({
    title,
    xLabel: 'nodes',
    yLabel,
    series: names.map((name) => ({
      name,
      points: rows
        .filter(({ contender }) => contender === name)
        .map((row): [number, number] => [row.workload.nodes, figure(row)]),
    })),
  })
}
