/**
 * How long a cluster that starts at once takes, by the clock on the wall, until its nodes are one swarm, and until each knows
 * twenty others. The hosts are on loopback and find each other by SRV records, in a process for each core of this machine: a
 * node of a cluster has its own. What Node.js takes to load the programs is not counted.
 *
 *     node test/bench/together.bench.ts [--json] [--hosts 50] [--processes <cores>] [--rounds 3]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { HostReport, Report } from './together-hosts.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    hosts: { type: 'string', default: '50' },
    processes: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '3' },
  },
})
const [hosts, processes, rounds] = [Number(values.hosts), Number(values.processes), Number(values.rounds)]
/** Below this many peers a node knows all that there are. */
const wanted = Math.min(20, hosts - 1)
const roundTimeoutMs = 300_000

interface Round {
  readonly oneSwarmSeconds: number
  readonly allKnowSeconds: number
  /** Of all hosts together, until then. */
  readonly cpuSeconds: number
}

const results: Round[] = []
for (let index = 0; index < rounds; index++) {
  const round = await startTogether()
  process.stderr.write(`${line(round)}\n`)
  results.push(round)
}
const middle = results.toSorted((a, b) => a.allKnowSeconds - b.allKnowSeconds)[Math.floor(rounds / 2)]
process.stdout.write(
  `${hosts} hosts in ${processes} processes; the middle of ${rounds}: ${middle && line(middle)}\n`,
)
if (values.json)
  process.stdout.write(`${JSON.stringify({ hosts, processes, node: process.version, rounds: results })}\n`)

async function startTogether(): Promise<Round> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-together-'))
  const children: ChildProcess[] = []
  try {
    const file = join(directory, 'ports')
    await writeFile(file, '')
    for (let index = 0; index < processes; index++) {
      const count = Math.floor(hosts / processes) + (index < hosts % processes ? 1 : 0)
      children.push(fork(new URL('./together-hosts.ts', import.meta.url), [String(count), file]))
    }
    await Promise.all(children.map((child) => once(child, 'message')))
    return await watch(children)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}

async function watch(children: readonly ChildProcess[]): Promise<Round> {
  const startMs = performance.now()
  const latest = new Map<ChildProcess, Report>()
  const { promise, resolve, reject } = Promise.withResolvers<Round>()
  const timer = setTimeout(() => reject(new Error(`no swarm within ${roundTimeoutMs} ms`)), roundTimeoutMs)
  let oneSwarmSeconds: number | undefined
  for (const child of children) {
    child.once('exit', () => reject(new Error('a process of the benchmark ended early')))
    child.on('message', (report: Report) => {
      latest.set(child, report)
      const all = [...latest.values()].flatMap((each) => each.hosts)
      if (all.length < hosts) return
      const seconds = (performance.now() - startMs) / 1_000
      if (isOneSwarm(all)) oneSwarmSeconds ??= seconds
      if (oneSwarmSeconds === undefined || all.some(({ known }) => known < wanted)) return
      const cpuSeconds = [...latest.values()].reduce((sum, each) => sum + each.cpuSeconds, 0)
      resolve({ oneSwarmSeconds, allKnowSeconds: seconds, cpuSeconds })
    })
    child.send('start')
  }
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    for (const child of children) child.removeAllListeners()
  }
}

/** Whether one can get from every host to every other. */
function isOneSwarm(all: readonly HostReport[]): boolean {
  const byPeer = new Map(all.map((host) => [host.peer, host]))
  const seen = new Set<string>()
  const open = all.slice(0, 1).map(({ peer }) => peer)
  for (let peer = open.pop(); peer !== undefined; peer = open.pop()) {
    if (seen.has(peer)) continue
    seen.add(peer)
    open.push(...(byPeer.get(peer)?.connected ?? []))
  }
  return all.every(({ peer }) => seen.has(peer))
}

function line({ oneSwarmSeconds, allKnowSeconds, cpuSeconds }: Round): string {
  return `one swarm after ${oneSwarmSeconds.toFixed(2)} s, each knows ${wanted} others after ${allKnowSeconds.toFixed(2)} s, ${cpuSeconds.toFixed(1)} s of processor for all`
}
