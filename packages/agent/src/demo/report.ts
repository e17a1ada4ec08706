import { formatBytes, formatSeconds } from './format.ts'

/** How one node fared. Sizes in bytes, time in seconds. */
export interface NodeReport {
  /** From 1. */
  readonly id: number
  readonly pid: number
  readonly seconds: number
  /** Null, as the two after it, when the node was lost before it could be asked. */
  readonly fromUpstream: number | null
  readonly fromPeers: number | null
  readonly fromCache: number | null
  /** Every byte of the image arrived and has the digest that its manifest says. */
  readonly verified: boolean
  /** How its process ended during the pulls: `was ended by SIGKILL`. Null when it survived. */
  readonly lost: string | null
}

/** What `shoal demo --json` ends with. Sizes in bytes, time in seconds. */
export interface DemoReport {
  readonly nodes: readonly NodeReport[]
  /** How many nodes the demonstration itself killed. */
  readonly killed: number
  readonly imageBytes: number
  /** Bytes of bodies that the embedded registry sent. */
  readonly upstreamBytes: number
  readonly upstreamRequests: number
  /** How often the image left the registry: `upstreamBytes / imageBytes`. */
  readonly copies: number
  /** From the start of the pulls to the end of the last one. */
  readonly seconds: number
  /** There are survivors, and every digest verified on each of them. */
  readonly verified: boolean
}

const columns = ['node', 'from upstream', 'from peers', 'from own cache', 'time', 'verified'] as const

/** The table for people, and what it adds up to. */
export function formatReport(report: DemoReport): string {
  const { imageBytes, upstreamBytes, upstreamRequests, copies, nodes, seconds } = report
  return [
    ...tableOf(nodes),
    '',
    `  The registry sent ${formatBytes(upstreamBytes)} in ${upstreamRequests} requests for an image of ${formatBytes(imageBytes)}:`,
    `  ${copies.toFixed(2)} copies for ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, which were done after ${formatSeconds(seconds)}.`,
    ...lossesOf(report),
    verdictOf(report),
  ].join('\n')
}

function tableOf(nodes: readonly NodeReport[]): readonly string[] {
  const rows = nodes.map((node) => [
    `node ${node.id}`,
    bytesOrNone(node.fromUpstream),
    bytesOrNone(node.fromPeers),
    bytesOrNone(node.fromCache),
    formatSeconds(node.seconds),
    node.lost === null ? (node.verified ? 'yes' : 'NO') : 'lost',
  ])
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`
  return [line(columns), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)]
}

function bytesOrNone(bytes: number | null): string {
  return bytes === null ? '–' : formatBytes(bytes)
}

function lossesOf({ nodes, killed }: DemoReport): readonly string[] {
  const lost = nodes.filter((node) => node.lost !== null)
  if (lost.length === 0) return []
  const names = lost.map((node) => `node ${node.id} (${node.lost})`).join(', ')
  return [`  Lost: ${names}; ${killed} of ${lost.length} killed on purpose.`]
}

function verdictOf({ nodes, verified }: DemoReport): string {
  const survivors = nodes.filter(({ lost }) => lost === null)
  if (survivors.length === 0) return '  NO node survived.'
  const where = survivors.length === nodes.length ? 'on every node' : 'on every node that survived'
  return verified ? `  Every digest verified ${where}.` : `  NOT every digest verified ${where}.`
}
