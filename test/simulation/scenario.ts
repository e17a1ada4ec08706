import { parseArgs } from 'node:util'
import { byteUnits, parseCount, parseQuantity, rateUnits, timeUnits } from '../figures/quantity.ts'

/** One run of the simulator. Bytes, milliseconds, bytes per millisecond. */
export interface Scenario {
  readonly nodes: number
  readonly size: number
  /** Length of a chunk; by size and nodes if undefined. */
  readonly chunk: number | undefined
  readonly upstream: number
  readonly link: number
  /** One way, between any two. */
  readonly latency: number
  readonly upstreamLatency: number
  readonly seed: number
  /** Nodes arrive at random over so long. */
  readonly arrival: number
  /** Share of the nodes that die when half of the bound has passed. */
  readonly killed: number
  /** Share of the nodes whose links have a tenth of the bandwidth. */
  readonly slow: number
  readonly zones: number
  /** What all flows between two zones share, each way; as much as they want if undefined. */
  readonly zoneLink: number | undefined
}

export interface SimulateOptions {
  readonly scenario: Scenario
  readonly json: boolean
  /** Where the plot goes. */
  readonly plot: string | undefined
}

export const usage = `npm run simulate -- [options]

  --nodes <n>            nodes that pull one layer               [1000]
  --size <bytes>         of the layer: 1GiB, 100MB               [1GiB]
  --chunk <bytes>        length of a chunk                       [as the product cuts; above 2000 nodes at most 256 chunks]
  --upstream <rate>      of the registry: 1gbit, 200mbit         [1gbit]
  --link <rate>          of each node, both ways                 [1gbit]
  --latency <time>       between nodes, one way                  [0.25ms]
  --upstream-latency <time>                                      [10ms]
  --arrival <time>       nodes arrive over so long: 30s          [0s]
  --kill <share>         of the nodes dies midway                [0]
  --slow <share>         of the nodes has a tenth of the link    [0]
  --zones <n>            the nodes are spread over               [1]
  --zone-link <rate>     between two zones, each way
  --seed <n>                                                     [1]
  --plot <file>          where to write the plot                 [tmp/simulation.svg]
  --json                 one JSON object as the last line of output
`

/** @throws Error for what can't be read, with the option's name */
export function parseOptions(args: readonly string[]): SimulateOptions {
  const text = (value: string) => ({ type: 'string', default: value }) as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: text('1000'),
      size: text('1GiB'),
      chunk: { type: 'string' },
      upstream: text('1gbit'),
      link: text('1gbit'),
      latency: text('0.25ms'),
      'upstream-latency': text('10ms'),
      arrival: text('0s'),
      kill: text('0'),
      slow: text('0'),
      zones: text('1'),
      'zone-link': { type: 'string' },
      seed: text('1'),
      plot: text('tmp/simulation.svg'),
      json: { type: 'boolean', default: false },
    },
  })
  const scenario: Scenario = {
    nodes: parseCount('nodes', values.nodes, 100_000),
    size: parseQuantity('size', values.size, byteUnits),
    chunk: values.chunk === undefined ? undefined : parseQuantity('chunk', values.chunk, byteUnits),
    upstream: rate('upstream', values.upstream),
    link: rate('link', values.link),
    latency: milliseconds('latency', values.latency),
    upstreamLatency: milliseconds('upstream-latency', values['upstream-latency']),
    arrival: milliseconds('arrival', values.arrival),
    killed: share('kill', values.kill),
    slow: share('slow', values.slow),
    zones: parseCount('zones', values.zones, 1_000),
    zoneLink: values['zone-link'] === undefined ? undefined : rate('zone-link', values['zone-link']),
    seed: parseCount('seed', values.seed, 2 ** 32),
  }
  return { scenario, json: values.json, plot: values.plot }
}

/** Bytes per millisecond. */
function rate(option: string, text: string): number {
  return parseQuantity(option, text, rateUnits) / 1_000
}

function milliseconds(option: string, text: string): number {
  return parseQuantity(option, text, timeUnits) * 1_000
}

function share(option: string, text: string): number {
  const value = Number(text)
  if (!(value >= 0 && value < 1))
    throw new Error(`--${option} ${text}: expected a share from 0 to 1, 1 left out`)
  return value
}
