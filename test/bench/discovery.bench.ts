/**
 * What it costs to find who has a blob: hosts on loopback, all of which are in one cluster, announce blobs and look
 * for each other's. One look-up at a time, each of another blob, so that none is answered from memory. In one process
 * the hosts share a core, and its time is what is measured; `--processes` spreads them.
 *
 *     node test/bench/discovery.bench.ts [--json] [--hosts 200] [--blobs 2000] [--look-ups 1000] [--processes 1]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Command, Usage } from './discovery-hosts.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    hosts: { type: 'string', default: '200' },
    blobs: { type: 'string', default: '2000' },
    'look-ups': { type: 'string', default: '1000' },
    processes: { type: 'string', default: '1' },
  },
})
const [hosts, blobs, lookUps, processes] = [
  Number(values.hosts),
  Number(values.blobs),
  Number(values['look-ups']),
  Number(values.processes),
]
// The same host looking for the same blob twice would be answered from memory.
if (lookUps > blobs) throw new RangeError(`${lookUps} look-ups need as many blobs, not ${blobs}`)
const hostsEach = Math.ceil(hosts / processes)
/** Far beyond what any step takes. */
const stepTimeoutMs = 600_000
/** Nodes know this many others, or all, before anything is measured; who is close to whom is settled then. */
const wantedRoutable = Math.min(hosts - 1, 20)
/** What a node that has just joined does besides: self-lookups, identify. */
const settleMs = 20_000

const children = Array.from({ length: processes }, () => start())
try {
  await run()
} finally {
  for (const child of children) child.kill('SIGKILL')
}

async function run(): Promise<void> {
  const emptyRss = total(await usages(), 'rssBytes')
  const joinMs = await join()
  progress(`joined after ${(joinMs / 1_000).toFixed(1)} s`)
  const digests = Array.from({ length: blobs }, () => `sha256:${randomBytes(32).toString('hex')}`)
  const provided = await measure(() => provideAll(digests))
  progress(`announced in ${provided.seconds.toFixed(1)} s`)
  const one = await lookUpAll(digests, 1)
  progress('looked for the first provider')
  const many = await lookUpAll(digests, 20)
  const missing = await lookUpAll([], 20)
  const rss = total(await usages(), 'rssBytes')
  print({
    hosts,
    blobs,
    processes,
    node: process.version,
    joinSeconds: joinMs / 1_000,
    provide: {
      seconds: provided.seconds,
      messagesEach: provided.messages / blobs,
      cpuSecondsEach: provided.cpuSeconds / blobs,
    },
    findFirst: one,
    findAll: many,
    findMissing: missing,
    memoryBytesPerHost: (rss - emptyRss) / hosts,
  })
}

/** A run takes minutes. */
function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function join(): Promise<number> {
  const startMs = performance.now()
  let bootstrap: string[] = []
  for (const child of children) {
    const addresses = (await ask(child, { type: 'start', bootstrap })) as string[]
    bootstrap = [...bootstrap, ...addresses]
  }
  await until(async () => {
    const routable = (await askAll({ type: 'routable' })) as number[]
    return Math.min(...routable) >= wantedRoutable
  })
  const joinMs = performance.now() - startMs
  await sleep(settleMs)
  return joinMs
}

async function provideAll(digests: readonly string[]): Promise<void> {
  for (let host = 0; host < hosts; host++) {
    const own = digests.filter((_, index) => index % hosts === host)
    await ask(childOf(host), { type: 'provide', host: host % hostsEach, digests: own })
  }
  await until(async () => {
    const announced = (await askAll({ type: 'announced' })) as number[]
    return announced.reduce((sum, count) => sum + count, 0) >= blobs
  })
}

interface LookUps {
  readonly p50Seconds: number
  readonly p99Seconds: number
  readonly found: number
  readonly messagesEach: number
  readonly cpuSecondsEach: number
}

/** Looks for the digests, or for random ones that nobody has, from a host that does not have them. */
async function lookUpAll(digests: readonly string[], limit: number): Promise<LookUps> {
  const times: number[] = []
  let found = 0
  const cost = await measure(async () => {
    for (let index = 0; index < lookUps; index++) {
      const digest = digests[index % blobs] ?? `sha256:${randomBytes(32).toString('hex')}`
      const host = (index * 7 + limit) % hosts
      const result = await ask(childOf(host), { type: 'find', host: host % hostsEach, digest, limit })
      const { ms, found: count } = result as { ms: number; found: number }
      times.push(ms)
      // A host does not name itself.
      if (count > 0 || host === index % hosts) found++
    }
  })
  times.sort((a, b) => a - b)
  const at = (share: number): number => (times[Math.ceil(times.length * share) - 1] ?? 0) / 1_000
  return {
    p50Seconds: at(0.5),
    p99Seconds: at(0.99),
    found: digests.length === 0 ? found - ownOf(limit) : found,
    messagesEach: cost.messages / lookUps,
    cpuSecondsEach: cost.cpuSeconds / lookUps,
  }
}

/** Look-ups that were counted as found because the host that looked is the one that would have had the blob. */
function ownOf(limit: number): number {
  return Array.from({ length: lookUps }, (_, index) => index).filter(
    (index) => (index * 7 + limit) % hosts === index % hosts,
  ).length
}

async function measure(work: () => Promise<void>) {
  const before = await usages()
  const startMs = performance.now()
  await work()
  const after = await usages()
  return {
    seconds: (performance.now() - startMs) / 1_000,
    messages: total(after, 'messages') - total(before, 'messages'),
    cpuSeconds: total(after, 'cpuSeconds') - total(before, 'cpuSeconds'),
  }
}

function start(): ChildProcess {
  const child = fork(new URL('./discovery-hosts.ts', import.meta.url), [String(hostsEach)])
  child.setMaxListeners(0)
  return child
}

function childOf(host: number): ChildProcess {
  const child = children[Math.floor(host / hostsEach)]
  if (child === undefined) throw new RangeError(`no process for host ${host}`)
  return child
}

async function ask(child: ChildProcess, command: Command): Promise<unknown> {
  const ended = new AbortController()
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(stepTimeoutMs)])
  const exit = once(child, 'exit', { signal }).then(([code, killedBy]) => {
    throw new Error(`a process of the benchmark ended early (${killedBy ?? code})`)
  })
  try {
    const answered = once(child, 'message', { signal })
    child.send(command)
    const [{ answer }] = (await Promise.race([answered, exit])) as [{ answer: unknown }]
    return answer
  } finally {
    exit.catch(() => undefined)
    ended.abort()
  }
}

function askAll(command: Command): Promise<unknown[]> {
  return Promise.all(children.map((child) => ask(child, command)))
}

async function usages(): Promise<Usage[]> {
  return (await askAll({ type: 'usage' })) as Usage[]
}

function total(all: readonly Usage[], of: keyof Usage): number {
  return all.reduce((sum, usage) => sum + usage[of], 0)
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(100)
}

interface Result {
  readonly hosts: number
  readonly blobs: number
  readonly processes: number
  readonly node: string
  readonly joinSeconds: number
  readonly provide: {
    readonly seconds: number
    readonly messagesEach: number
    readonly cpuSecondsEach: number
  }
  readonly findFirst: LookUps
  readonly findAll: LookUps
  readonly findMissing: LookUps
  readonly memoryBytesPerHost: number
}

function print(result: Result): void {
  const { provide, memoryBytesPerHost } = result
  const ms = (seconds: number): string => (seconds * 1_000).toFixed(1).padStart(8)
  const row = (
    name: string,
    { p50Seconds, p99Seconds, found, messagesEach, cpuSecondsEach }: LookUps,
  ): string =>
    [
      name.padEnd(22),
      ms(p50Seconds),
      ms(p99Seconds),
      `${found}/${lookUps}`.padStart(10),
      messagesEach.toFixed(1).padStart(8),
      ms(cpuSecondsEach),
    ].join('  ')
  const lines = [
    `${hosts} hosts in ${processes} process(es), ${blobs} blobs; joined after ${result.joinSeconds.toFixed(1)} s`,
    'look-up                  p50 ms    p99 ms       found  messages    CPU ms',
    row('first provider', result.findFirst),
    row('up to 20 providers', result.findAll),
    row('what nobody has', result.findMissing),
    `provide: ${provide.messagesEach.toFixed(1)} messages, ${ms(provide.cpuSecondsEach).trim()} ms CPU each, ${provide.seconds.toFixed(1)} s for all`,
    `memory: ${(memoryBytesPerHost / 1e6).toFixed(1)} MB per host`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
}
