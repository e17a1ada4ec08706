import type { Workload } from './workload.ts'

/** A workload with what it is there for. */
export interface Case {
  readonly title: string
  readonly workload: Workload
  /** Those that run it; all if undefined. */
  readonly only?: readonly string[]
}

const mbit = 1e6 / 8
const base = {
  link: 200 * mbit,
  upstream: 200 * mbit,
  layers: 1,
  update: false,
  until: 'delivered',
  firstByte: false,
  repetitions: 1,
} as const

const alone: Case = {
  title: 'One node, nothing shared',
  workload: { ...base, nodes: 1, bytes: 100e6, firstByte: true, repetitions: 5 },
  only: ['direct', 'shoal'],
}

const goal: Case = {
  title: '16 nodes at once',
  workload: { ...base, nodes: 16, bytes: 100e6 },
}

/** The same where two cores are not the limit: direct, it would take 27 minutes. */
const networkBound: Case = {
  title: '16 nodes at once, on links that two cores can fill',
  workload: { ...base, nodes: 16, link: 8 * mbit, upstream: 8 * mbit, bytes: 100e6, repetitions: 3 },
  only: ['bittorrent', 'shoal'],
}

/** Spegel's benchmark: its sizes and layers, and its ten nodes, of which two are updated at a time; at a rate that two cores can carry. */
const published: readonly Case[] = [
  { bytes: 10e6, layers: 1, repetitions: 3 },
  { bytes: 10e6, layers: 4 },
  { bytes: 100e6, layers: 1 },
  { bytes: 100e6, layers: 4 },
].map((image) => ({
  title: 'Create, then Update',
  workload: { ...base, nodes: 10, link: 100 * mbit, upstream: 100 * mbit, update: true, ...image },
}))

const gigabyte: Case = {
  title: 'A gigabyte',
  workload: { ...base, nodes: 3, link: 500 * mbit, upstream: 500 * mbit, bytes: 1e9 },
}

/** Rates at which two cores have time to spare, so that the network is the limit at every number of nodes. */
const byNodes: readonly Case[] = [1, 2, 4, 8].map((nodes) => ({
  title: 'By the number of nodes',
  workload: { ...base, nodes, link: 50 * mbit, upstream: 50 * mbit, bytes: 25e6 },
}))

const unpacked: Case = {
  title: 'Unpacked by containerd',
  workload: { ...base, nodes: 3, bytes: 100e6, layers: 4, until: 'unpacked' },
}

export const fullSuite: readonly Case[] = [
  alone,
  goal,
  networkBound,
  ...published,
  gigabyte,
  ...byNodes,
  unpacked,
]

/** Everything once, and small: that it works, not what it is worth. */
export const quickSuite: readonly Case[] = [
  { ...alone, workload: { ...alone.workload, bytes: 25e6, repetitions: 1 } },
  { title: '4 nodes at once, then Update', workload: { ...base, nodes: 4, bytes: 25e6, update: true } },
  ...byNodes.slice(0, 2).map((one) => ({ ...one, workload: { ...one.workload, bytes: 10e6 } })),
  { ...unpacked, workload: { ...unpacked.workload, nodes: 2, bytes: 25e6 } },
]

/** Ten gigabytes, which alone take a quarter of an hour and some 40 GB of disk. */
export const largeSuite: readonly Case[] = [
  {
    title: 'Ten gigabytes',
    workload: { ...base, nodes: 2, link: 1_000 * mbit, upstream: 1_000 * mbit, bytes: 10e9 },
  },
]
