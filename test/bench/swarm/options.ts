import { parseArgs } from 'node:util'
import { byteUnits, parseCount, parseQuantity, rateUnits } from '../../figures/quantity.ts'
import { bittorrent } from './bittorrent-contender.ts'
import type { Contender } from './contender.ts'
import { direct, proxy } from './registry-contenders.ts'
import { scriptContender } from './script-contender.ts'
import { shoal } from './shoal-contender.ts'
import { type Case, fullSuite, largeSuite, quickSuite } from './suite.ts'

export const usage = `npm run bench:swarm -- [options]

  --quick                small images and few nodes: that everything works
  --large                10 GB in one layer, instead of the rest: a quarter of an hour, 40 GB of disk
  --only <contender>     repeatable: direct, proxy, bittorrent, shoal     [all]
  --peer <name>=<program>  another contender, repeatable; README.md has its contract
  --repetitions <n>      of every workload, at least
  --write                write test/bench/RESULTS.md and its plots; with --large RESULTS-large.md
  --json                 one JSON object as the last line of output

One workload instead of the suite:

  --nodes <n>            that pull one image at the same time
  --size <bytes>         of the image: 100MB, 1GiB                        [100MB]
  --layers <n>           that it has                                      [1]
  --link <rate>          of each node, both ways: 200mbit, 1gbit          [200mbit]
  --upstream <rate>      of the registry's host                           [200mbit]
  --update               then pull another image, a fifth of the nodes at a time
  --unpacked             until containerd has unpacked it
`

export interface BenchOptions {
  readonly cases: readonly Case[]
  readonly contenders: readonly Contender[]
  readonly json: boolean
  /** Where in test/bench/ the results are written; undefined when they are not to be. */
  readonly page: string | undefined
}

/** @throws Error for what can't be read, with the option's name */
export function parseOptions(args: readonly string[]): BenchOptions {
  const flag = { type: 'boolean', default: false } as const
  const text = (value: string) => ({ type: 'string', default: value }) as const
  const many = { type: 'string', multiple: true, default: [] as string[] } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: flag,
      large: flag,
      only: many,
      peer: many,
      repetitions: text('1'),
      write: flag,
      json: flag,
      nodes: { type: 'string' },
      size: text('100MB'),
      layers: text('1'),
      link: text('200mbit'),
      upstream: text('200mbit'),
      update: flag,
      unpacked: flag,
    },
  })
  const all = [direct, proxy, bittorrent, shoal, ...values.peer.map(scriptContender)]
  for (const name of values.only) {
    if (!all.some((contender) => contender.name === name))
      throw new Error(`--only ${name}: expected one of ${all.map((one) => one.name).join(', ')}`)
  }
  const repetitions = parseCount('repetitions', values.repetitions, 100)
  const suite = values.nodes === undefined ? suiteOf(values) : [ownCase(values, values.nodes)]
  return {
    cases: suite.map((one) => ({
      ...one,
      workload: { ...one.workload, repetitions: Math.max(repetitions, one.workload.repetitions) },
    })),
    contenders: all.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
    json: values.json,
    page: values.write ? (values.large ? 'RESULTS-large.md' : 'RESULTS.md') : undefined,
  }
}

function suiteOf({ quick, large }: { readonly quick: boolean; readonly large: boolean }): readonly Case[] {
  if (large) return largeSuite
  return quick ? quickSuite : fullSuite
}

interface OwnValues {
  readonly size: string
  readonly layers: string
  readonly link: string
  readonly upstream: string
  readonly update: boolean
  readonly unpacked: boolean
}

function ownCase(values: OwnValues, nodes: string): Case {
  const workload = {
    nodes: parseCount('nodes', nodes, 30),
    link: parseQuantity('link', values.link, rateUnits),
    upstream: parseQuantity('upstream', values.upstream, rateUnits),
    bytes: parseQuantity('size', values.size, byteUnits),
    layers: parseCount('layers', values.layers, 127),
    update: values.update,
    until: values.unpacked ? ('unpacked' as const) : ('delivered' as const),
    firstByte: !values.unpacked && nodes === '1',
    repetitions: 1,
  }
  return { title: 'A workload of your own', workload }
}
