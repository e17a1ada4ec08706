import { ChunkLayout } from '@shoal/content'
import { boundOf } from './bound.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulated-swarm.ts'

/** A run in figures. Times in seconds, or as multiples of the bound. */
export interface Figures {
  readonly nodes: number
  readonly copies: number
  readonly lastOverBound: number
  readonly medianOverBound: number
  readonly messagesPerNode: number
  /** Bytes. */
  readonly chunkLength: number
  /** Of the layer, on the busiest line between two zones; 0 without such lines. */
  readonly copiesBetweenZones: number
  readonly completed: number
  readonly survivors: number
  readonly boundSeconds: number
  readonly lastSeconds: number
}

/** What the simulator says of a run, for people and for programs. */
export function reportOf(scenario: Scenario, outcome: Outcome): { text: string; json: Figures } {
  const bound = boundOf(scenario)
  const { completedAt, upstreamBytes, messages, survivors, layout, zoneBytes } = outcome
  const last = completedAt.at(-1) ?? Number.NaN
  const median = completedAt[completedAt.length >> 1] ?? Number.NaN
  const figures = {
    nodes: scenario.nodes,
    copies: upstreamBytes / scenario.size,
    lastOverBound: last / bound,
    medianOverBound: median / bound,
    chunkLength: layout.chunkLength,
    messagesPerNode: messages / scenario.nodes,
    copiesBetweenZones: Math.max(0, ...zoneBytes) / scenario.size,
    completed: completedAt.length,
    survivors,
    boundSeconds: bound / 1000,
    lastSeconds: last / 1000,
  }
  const rows: [string, string][] = [
    ['nodes', `${scenario.nodes}, ${completedAt.length} of ${survivors} that lived have all of it`],
    ['chunks', chunksOf(layout)],
    ['copies from upstream', figures.copies.toFixed(3)],
    ['bound', `${figures.boundSeconds.toFixed(2)} s`],
    ['last node', `${figures.lastSeconds.toFixed(2)} s, ${figures.lastOverBound.toFixed(3)} x the bound`],
    ['median node', `${(median / 1000).toFixed(2)} s, ${figures.medianOverBound.toFixed(3)} x the bound`],
    ['control messages', `${figures.messagesPerNode.toFixed(0)} a node`],
  ]
  if (zoneBytes.length > 0)
    rows.push(['between zones', `${figures.copiesBetweenZones.toFixed(3)} copies on the busiest line`])
  return { text: rows.map(([name, value]) => `  ${name.padEnd(22)}${value}`).join('\n'), json: figures }
}

function chunksOf({ count, chunkLength, size }: ChunkLayout): string {
  const product = new ChunkLayout(size)
  const chunks = `${count} of ${chunkLength / 1024} KiB`
  if (product.count === count) return chunks
  return `${chunks}; the product cuts ${product.count} of ${product.chunkLength / 1024} KiB`
}
