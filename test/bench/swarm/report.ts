import type { Spread } from '../../figures/spread.ts'
import type { Row } from './results.ts'
import type { Workload } from './workload.ts'

const columns: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['', ({ contender, phase }) => (phase === 'create' ? contender : `${contender}, update`)],
  ['node p50, s', ({ nodeSeconds }) => cell(nodeSeconds.p50, 2)],
  ['p99, s', ({ nodeSeconds }) => cell(nodeSeconds.p99, 2)],
  ['last, s', ({ lastSeconds }) => cell(lastSeconds, 2)],
  ['last / bound', ({ lastOverBound }) => cell(lastOverBound, 2)],
  ['slowest later node, s', ({ slowestLaterSeconds }) => cell(slowestLaterSeconds, 2)],
  ['first byte, ms', ({ firstByteSeconds }) => cell(firstByteSeconds, 0, 1e-3)],
  ['copies from upstream', ({ upstreamCopies }) => cell(upstreamCopies, 3)],
  ['requests', ({ upstreamRequests }) => cell(upstreamRequests, 0)],
  ['copies on the wire a node', ({ wireCopiesPerNode }) => cell(wireCopiesPerNode, 2)],
  ['CPU s a node', ({ cpuSecondsPerNode }) => cell(cpuSecondsPerNode, 2)],
  ['peak memory a node, MB', ({ peakMemoryBytesPerNode }) => cell(peakMemoryBytesPerNode, 0, 1e6)],
  ['cores busy', ({ machineBusy }) => cell(machineBusy, 0, 1e-2, ' %')],
]

/** A Markdown table; columns that would be empty are left out. */
export function tableOf(rows: readonly Row[]): string {
  const shown = columns.filter(([, show]) => rows.some((row) => show(row) !== ''))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(shown.map(([title]) => title)),
    line(shown.map((_, place) => (place === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(shown.map(([, show]) => show(row)))),
  ].join('\n')
}

/** What a workload is, in a line. */
export function describeWorkload({
  nodes,
  link,
  upstream,
  bytes,
  layers,
  until,
  repetitions,
}: Workload): string {
  const size = bytes >= 1e9 ? `${bytes / 1e9} GB` : `${bytes / 1e6} MB`
  const rates = `links ${megabits(link)}, upstream ${megabits(upstream)}`
  const parts = [
    `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    `${size} in ${layers} ${layers === 1 ? 'layer' : 'layers'}`,
    rates,
    ...(until === 'unpacked' ? ['until containerd has unpacked it'] : []),
    ...(repetitions > 1 ? [`median of ${repetitions} (least-most)`] : []),
  ]
  return parts.join('; ')
}

function megabits(bytesPerSecond: number): string {
  return `${(bytesPerSecond * 8) / 1e6} Mbit/s`
}

function cell(spread: Spread | undefined, digits: number, unit = 1, suffix = ''): string {
  if (spread === undefined) return ''
  const of = (value: number): string => (value / unit).toFixed(digits)
  const { median, min, max } = spread
  const range = of(min) === of(max) ? '' : ` (${of(min)}-${of(max)})`
  return `${of(median)}${suffix}${range}`
}
