import { formatBytes, formatSeconds } from './format.ts'

/** How one node fared. Sizes in bytes, time in seconds. */
export interface NodeReport {
  /** From 1. */
  readonly id: number
  readonly seconds: number
  readonly fromUpstream: number
  readonly fromPeers: number
  readonly fromCache: number
  /** Every byte of the image arrived and has the digest that its manifest says. */
  readonly verified: boolean
}

/** What `shoal demo --json` ends with. Sizes in bytes, time in seconds. */
export interface DemoReport {
  readonly nodes: readonly NodeReport[]
  readonly imageBytes: number
  /** Bytes of bodies that the embedded registry sent. */
  readonly upstreamBytes: number
  readonly upstreamRequests: number
  /** How often the image left the registry: `upstreamBytes / imageBytes`. */
  readonly copies: number
  /** From the start of the pulls to the end of the last one. */
  readonly seconds: number
  readonly verified: boolean
}

const columns = ['node', 'from upstream', 'from peers', 'from own cache', 'time', 'verified'] as const

/** The table for people. */
export function formatReport(report: DemoReport): string {
  const rows = report.nodes.map((node) => [
    `node ${node.id}`,
    formatBytes(node.fromUpstream),
    formatBytes(node.fromPeers),
    formatBytes(node.fromCache),
    formatSeconds(node.seconds),
    node.verified ? 'yes' : 'NO',
  ])
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`
  const { imageBytes, upstreamBytes, upstreamRequests, copies, nodes, seconds, verified } = report
  return [
    line(columns),
    line(widths.map((width) => '─'.repeat(width))),
    ...rows.map(line),
    '',
    `  The registry sent ${formatBytes(upstreamBytes)} in ${upstreamRequests} requests for an image of ${formatBytes(imageBytes)}:`,
    `  ${copies.toFixed(2)} copies for ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, which were done after ${formatSeconds(seconds)}.`,
    verified ? '  Every digest verified on every node.' : '  NOT every digest verified on every node.',
  ].join('\n')
}
