/**
 * How fast one peer sends to another: a MessageStream between two processes on loopback, with libp2p's stock Noise and
 * with ours, with V8's young generation as Node 24 sizes it and as the agent sets it. Runs of all four are
 * interleaved, so that what else the machine does falls on all alike; compare the ratios, not the figures.
 *
 *     node test/bench/transfer.bench.ts [--json] [--bytes 1073741824] [--rounds 3]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    bytes: { type: 'string', default: String(1024 ** 3) },
    rounds: { type: 'string', default: '3' },
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
  readonly receiverCpuSecondsPerGiB: number
  readonly senderCpuSecondsPerGiB: number
  readonly receiverMaxRssBytes: number
}

const variants = [
  { noise: 'stock', youngGeneration: 'default' },
  { noise: 'stock', youngGeneration: 'small' },
  { noise: 'shoal', youngGeneration: 'default' },
  { noise: 'shoal', youngGeneration: 'small' },
] as const
type Variant = (typeof variants)[number]

const runs = new Map<Variant, Run[]>(variants.map((variant) => [variant, []]))
for (let round = 0; round < rounds; round++) {
  for (const variant of variants) runs.get(variant)?.push(await transfer(variant))
}
const results = variants.map((variant) => ({ ...variant, ...medians(runs.get(variant) ?? []) }))

print(results)

async function transfer(variant: Variant): Promise<Run> {
  const sender = start('sender', variant)
  const receiver = start('receiver', variant)
  try {
    const [address] = await next(sender)
    receiver.send(String(address))
    const [[received], [sent]] = (await Promise.all([next(receiver), next(sender)])) as [[Report], [Report]]
    const gibibytes = bytes / 1024 ** 3
    return {
      bytesPerSecond: bytes / received.seconds,
      receiverCpuSecondsPerGiB: received.cpuSeconds / gibibytes,
      senderCpuSecondsPerGiB: sent.cpuSeconds / gibibytes,
      receiverMaxRssBytes: received.maxRssBytes,
    }
  } finally {
    sender.kill('SIGKILL')
    receiver.kill('SIGKILL')
  }
}

function start(role: string, { noise, youngGeneration }: Variant): ChildProcess {
  return fork(new URL('./transfer-peer.ts', import.meta.url), [role, noise, youngGeneration, String(bytes)])
}

async function next(child: ChildProcess): Promise<unknown[]> {
  const signal = AbortSignal.timeout(timeoutMs)
  const exit = once(child, 'exit', { signal }).then(([code, killedBy]) => {
    throw new Error(`a peer of the benchmark ended early (${killedBy ?? code})`)
  })
  return Promise.race([once(child, 'message', { signal }), exit])
}

function medians(all: readonly Run[]): Run {
  const median = (of: (run: Run) => number): number => all.map(of).sort((a, b) => a - b)[all.length >> 1] ?? 0
  return {
    bytesPerSecond: median((run) => run.bytesPerSecond),
    receiverCpuSecondsPerGiB: median((run) => run.receiverCpuSecondsPerGiB),
    senderCpuSecondsPerGiB: median((run) => run.senderCpuSecondsPerGiB),
    receiverMaxRssBytes: median((run) => run.receiverMaxRssBytes),
  }
}

function print(all: readonly (Variant & Run)[]): void {
  const stock = all[0]?.bytesPerSecond ?? 0
  const lines = all.map((result) =>
    [
      result.noise.padEnd(6),
      result.youngGeneration.padEnd(8),
      (result.bytesPerSecond / 1e6).toFixed(0).padStart(6),
      (result.bytesPerSecond / stock).toFixed(2).padStart(8),
      result.receiverCpuSecondsPerGiB.toFixed(2).padStart(14),
      result.senderCpuSecondsPerGiB.toFixed(2).padStart(12),
      (result.receiverMaxRssBytes / 1e6).toFixed(0).padStart(8),
    ].join('  '),
  )
  const head = 'noise   young gen    MB/s  x stock  receiver s/GiB  sender s/GiB    RSS MB'
  process.stdout.write(`${[head, ...lines].join('\n')}\n`)
  if (!values.json) return
  const of = (noise: string, youngGeneration: string): Run => {
    const run = all.find((result) => result.noise === noise && result.youngGeneration === youngGeneration)
    if (run === undefined) throw new Error(`no runs of ${noise}, ${youngGeneration}`)
    return run
  }
  const compare = (a: Run, b: Run): object => ({
    speed: a.bytesPerSecond / b.bytesPerSecond,
    receiverCpu: a.receiverCpuSecondsPerGiB / b.receiverCpuSecondsPerGiB,
  })
  const ratios = {
    smallYoungGeneration: compare(of('shoal', 'small'), of('shoal', 'default')),
    shoalNoise: compare(of('shoal', 'small'), of('stock', 'small')),
    both: compare(of('shoal', 'small'), of('stock', 'default')),
  }
  process.stdout.write(`${JSON.stringify({ bytes, rounds, node: process.version, results: all, ratios })}\n`)
}
