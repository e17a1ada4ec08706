/**
 * Whether worker threads that own their connections ("lanes") let a node take in more: one process receives from one or
 * two others, hashes each chunk and writes it to a file, on its main thread or in one or two lanes.
 *
 * The directory for the files is the system's for temporary ones: TMPDIR=/dev/shm leaves the disk out.
 *
 *     node test/bench/lanes.bench.ts [--json] [--bytes 536870912] [--rounds 3]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    bytes: { type: 'string', default: String(512 * 1024 ** 2) },
    rounds: { type: 'string', default: '3' },
  },
})

interface Run {
  readonly bytesPerSecond: number
  readonly cpuSecondsPerGiB: number
  readonly mainThreadDelaySeconds: number
}

const variants = [
  { senders: 1, lanes: 0 },
  { senders: 1, lanes: 1 },
  { senders: 2, lanes: 0 },
  { senders: 2, lanes: 1 },
  { senders: 2, lanes: 2 },
]
const runs = variants.map((): Run[] => [])
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [index, variant] of variants.entries()) runs[index]?.push(await receive(variant))
}
const results = variants.map((variant, index) => ({ ...variant, ...medians(runs[index] ?? []) }))
process.stdout.write('senders  lanes   MB/s  receiver CPU s/GiB  main thread held up, p99 ms\n')
for (const { senders, lanes, bytesPerSecond, cpuSecondsPerGiB, mainThreadDelaySeconds } of results) {
  const cells = [
    String(senders).padStart(7),
    String(lanes).padStart(5),
    (bytesPerSecond / 1e6).toFixed(0).padStart(5),
    cpuSecondsPerGiB.toFixed(2).padStart(18),
    (mainThreadDelaySeconds * 1e3).toFixed(1).padStart(27),
  ]
  process.stdout.write(`${cells.join('  ')}\n`)
}
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`)

async function receive({ senders, lanes }: (typeof variants)[number]): Promise<Run> {
  const sending = Array.from({ length: senders }, () =>
    start('./transfer-peer.ts', 'sender', 'shoal', values.bytes),
  )
  const receiver = start('./lanes-receiver.ts', String(lanes), values.bytes)
  try {
    const addresses = await Promise.all(sending.map(async (sender) => (await once(sender, 'message'))[0]))
    receiver.send(addresses)
    const [run] = await once(receiver, 'message', { signal: AbortSignal.timeout(120_000) })
    return run as Run
  } finally {
    for (const child of [receiver, ...sending]) child.kill('SIGKILL')
  }
}

function start(file: string, ...args: string[]): ChildProcess {
  return fork(new URL(file, import.meta.url), args)
}

function medians(all: readonly Run[]): Run {
  const median = (of: (run: Run) => number): number => all.map(of).sort((a, b) => a - b)[all.length >> 1] ?? 0
  return {
    bytesPerSecond: median((run) => run.bytesPerSecond),
    cpuSecondsPerGiB: median((run) => run.cpuSecondsPerGiB),
    mainThreadDelaySeconds: median((run) => run.mainThreadDelaySeconds),
  }
}
