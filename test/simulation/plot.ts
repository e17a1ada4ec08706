import { boundOf } from './bound.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulated-swarm.ts'

const width = 720
const height = 360
const margin = 48

/** Share of the nodes that have the whole, over time, beside the bound; as SVG. */
export function plotOf(scenario: Scenario, { completedAt, survivors }: Outcome): string {
  const bound = boundOf(scenario)
  const end = Math.max(bound, completedAt.at(-1) ?? 0) * 1.05
  const x = (ms: number): string => (margin + (ms / end) * (width - 2 * margin)).toFixed(1)
  const y = (share: number): string => (height - margin - share * (height - 2 * margin)).toFixed(1)
  const steps = completedAt.map(
    (ms, place) => `L${x(ms)},${y(place / survivors)} L${x(ms)},${y((place + 1) / survivors)}`,
  )
  const label = (at: string, top: string | number, text: string): string =>
    `<text x="${at}" y="${top}" text-anchor="middle" font-size="12">${text}</text>`
  const seconds = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    label(x(end * part), height - margin + 18, `${((end * part) / 1000).toFixed(1)} s`),
  )
  const shares = [0, 0.5, 1].map((part) => label(String(margin / 2), y(part), `${part * 100} %`))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">
<rect width="100%" height="100%" fill="white"/>
${label(String(width / 2), 24, `${scenario.nodes} nodes: share that has the whole layer, and the bound (dashed)`)}
<path d="M${x(0)},${y(1)} V${y(0)} H${width - margin}" fill="none" stroke="black"/>
<path d="M${x(bound)},${y(0)} V${y(1)}" stroke="firebrick" stroke-dasharray="6 4"/>
<path d="M${x(0)},${y(0)} ${steps.join(' ')}" fill="none" stroke="steelblue" stroke-width="2"/>
${[...seconds, ...shares].join('\n')}
</svg>
`
}
