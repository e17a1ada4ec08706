/**
 * How fast one peer sends to another, on loopback: js-libp2p as it comes, Shoal's host, node:tls, and TCP without
 * encryption. Each end is a process of its own. Every receiver puts the bytes together to chunks of 4 MiB, and does
 * nothing else with them. Rounds of all four are interleaved, so that what else the machine does falls on all alike;
 * compare the ratios, not the figures, and CPU rather than speed.
 *
 *     node test/bench/transfer.bench.ts [--json] [--bytes 536870912] [--rounds 7] [--only shoal]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    bytes: { type: 'string', default: String(512 * 1024 ** 2) },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', multiple: true },
  },
})
const bytes = Number(values.bytes)
const rounds = Number(values.rounds)
const timeoutMs = 120_000

interface Report {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly maxRssBytes: number
}

interface Run {
  readonly bytesPerSecond: number
  readonly cpuSecondsPerGiB: { readonly sender: number; readonly receiver: number }
  readonly maxRssBytes: number
}

const allContenders = ['stock', 'shoal', 'nodeTls', 'rawTcp'] as const
type Contender = (typeof allContenders)[number]
const labels: Record<Contender, string> = {
  stock: 'stock js-libp2p',
  shoal: 'Shoal',
  nodeTls: 'node:tls (1.3)',
  rawTcp: 'raw TCP',
}
const contenders = allContenders.filter((name) => values.only?.includes(name) ?? true)

const runs = new Map<Contender, Run[]>(contenders.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const name of contenders) runs.get(name)?.push(await transfer(name))
}
print()

async function transfer(name: Contender): Promise<Run> {
  const sender = start('sender', name)
  const receiver = start('receiver', name)
  try {
    const [address] = await next(sender)
    receiver.send(String(address))
    const [[received], [sent]] = (await Promise.all([next(receiver), next(sender)])) as [[Report], [Report]]
    const gibibytes = bytes / 1024 ** 3
    return {
      bytesPerSecond: bytes / received.seconds,
      cpuSecondsPerGiB: { sender: sent.cpuSeconds / gibibytes, receiver: received.cpuSeconds / gibibytes },
      maxRssBytes: Math.max(received.maxRssBytes, sent.maxRssBytes),
    }
  } finally {
    sender.kill('SIGKILL')
    receiver.kill('SIGKILL')
  }
}

function start(role: string, name: Contender): ChildProcess {
  return fork(new URL('./transfer-peer.ts', import.meta.url), [role, name, String(bytes)])
}

async function next(child: ChildProcess): Promise<unknown[]> {
  const signal = AbortSignal.timeout(timeoutMs)
  const exit = once(child, 'exit', { signal }).then(([code, killedBy]) => {
    throw new Error(`a peer of the benchmark ended early (${killedBy ?? code})`)
  })
  return Promise.race([once(child, 'message', { signal }), exit])
}

interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

function spread(all: readonly Run[], of: (run: Run) => number): Spread {
  const sorted = all.map(of).sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}

function print(): void {
  const results = contenders.map((name) => {
    const all = runs.get(name) ?? []
    return {
      name,
      speed: spread(all, (run) => run.bytesPerSecond),
      sender: spread(all, (run) => run.cpuSecondsPerGiB.sender),
      receiver: spread(all, (run) => run.cpuSecondsPerGiB.receiver),
      memory: spread(all, (run) => run.maxRssBytes),
    }
  })
  const speedOf = (wanted: Contender): number =>
    results.find(({ name }) => name === wanted)?.speed.median ?? Number.NaN
  const lines = results.map(({ name, speed, sender, receiver, memory }) =>
    [
      labels[name].padEnd(16),
      cell(speed, 1e6, 0),
      (speed.median / speedOf('stock')).toFixed(2).padStart(7),
      (speed.median / speedOf('nodeTls')).toFixed(2).padStart(5),
      cell(receiver, 1, 2),
      cell(sender, 1, 2),
      (memory.median / 1e6).toFixed(0).padStart(6),
    ].join('  '),
  )
  const head =
    'median (min-max)              MB/s  x stock  x tls    receiver CPU s/GiB      sender CPU s/GiB  RSS MB'
  process.stdout.write(`${[head, ...lines].join('\n')}\n`)
  if (!values.json) return
  const figures = results.map(({ name, speed, sender, receiver }) => [
    name,
    {
      bytesPerSecond: speed.median,
      cpuSecondsPerGiB: { sender: sender.median, receiver: receiver.median },
    },
  ])
  process.stdout.write(`${JSON.stringify(Object.fromEntries(figures))}\n`)
}

function cell({ median, min, max }: Spread, unit: number, digits: number): string {
  const of = (value: number): string => (value / unit).toFixed(digits)
  return `${of(median)} (${of(min)}-${of(max)})`.padStart(20)
}
