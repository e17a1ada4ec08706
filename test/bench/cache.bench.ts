/**
 * What the cache costs: writing and reading one blob, what of that reaches the disk, memory with a large blob, starting
 * with many, and a warm blob through the agent's shim beside nginx with the same file.
 *
 *     node test/bench/cache.bench.ts [--json] [--bytes 1073741824] [--large-bytes 10000000000] [--blobs 10000] [--rounds 9]
 *
 * Needs root on Debian 12, for nginx and curl.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { installPackages } from '../harness/install.ts'
import { run } from '../harness/run.ts'
import { measureRatio, type Ratio } from './cache-ratio.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    bytes: { type: 'string', default: String(2 ** 30) },
    'large-bytes': { type: 'string', default: String(10e9) },
    blobs: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '9' },
  },
})
const bytes = Number(values.bytes)
const largeBytes = Number(values['large-bytes'])
const starts = 3
const timeoutMs = 30 * 60_000

interface WriteRead {
  readonly writeSeconds: number
  readonly readSeconds: number
  readonly diskBytes: number
  readonly peakResidentBytes: number
}

interface Start {
  readonly startupSeconds: number
  readonly startupCpuSeconds: number
}

interface Report extends Ratio, Start {
  readonly writeBytesPerSecond: number
  readonly readBytesPerSecond: number
  readonly diskBytesPerByte: number
  /** With the large blob; the other with one of the usual size. */
  readonly peakResidentBytes: number
  readonly smallPeakResidentBytes: number
}

await installPackages(['curl', 'nginx'], 'npm run bench:cache')
const directory = await mkdtemp(join(tmpdir(), 'shoal-bench-cache-'))
try {
  const report = await measure()
  print(report)
  if (values.json) console.log(JSON.stringify(report))
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function measure(): Promise<Report> {
  const one = await inNewDirectory((dataDir) => writeRead(dataDir, bytes))
  const large = await inNewDirectory((dataDir) => writeRead(dataDir, largeBytes))
  const start = await inNewDirectory(measureStartup)
  const rounds = Number(values.rounds)
  const ratio = await inNewDirectory((inner) => measureRatio({ directory: inner, bytes, rounds }))
  return {
    writeBytesPerSecond: bytes / one.writeSeconds,
    readBytesPerSecond: bytes / one.readSeconds,
    diskBytesPerByte: one.diskBytes / bytes,
    peakResidentBytes: large.peakResidentBytes,
    smallPeakResidentBytes: one.peakResidentBytes,
    ...start,
    ...ratio,
  }
}

function writeRead(dataDir: string, size: number): Promise<WriteRead> {
  return script<WriteRead>('cache-write-read.ts', dataDir, String(size))
}

/** The quickest of a few. */
async function measureStartup(dataDir: string): Promise<Start> {
  await runScript('cache-startup.ts', dataDir, 'make', values.blobs)
  const found: Start[] = []
  for (let start = 0; start < starts; start++) {
    found.push(await script<Start>('cache-startup.ts', dataDir, 'open'))
  }
  const { startupSeconds, startupCpuSeconds } = found.reduce((best, each) =>
    each.startupSeconds < best.startupSeconds ? each : best,
  )
  return { startupSeconds, startupCpuSeconds }
}

/** Runs a script of this directory in a process of its own. */
function runScript(name: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(name, import.meta.url))
  return run(process.execPath, [file, ...args], { timeoutMs })
}

async function script<Result>(name: string, ...args: string[]): Promise<Result> {
  return JSON.parse(await runScript(name, ...args)) as Result
}

async function inNewDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const inner = await mkdtemp(join(directory, 'part-'))
  try {
    return await work(inner)
  } finally {
    await rm(inner, { recursive: true, force: true })
  }
}

function print(report: Report): void {
  const megabytes = (value: number) => `${Math.round(value / 1e6)} MB`
  const lines: [string, string][] = [
    [`write, ${megabytes(bytes)}`, `${megabytes(report.writeBytesPerSecond)}/s`],
    [`read, ${megabytes(bytes)}, warm`, `${megabytes(report.readBytesPerSecond)}/s`],
    ['written to disk per byte cached', report.diskBytesPerByte.toFixed(4)],
    [`peak resident memory, ${megabytes(bytes)}`, megabytes(report.smallPeakResidentBytes)],
    [`peak resident memory, ${megabytes(largeBytes)}`, megabytes(report.peakResidentBytes)],
    [`start with ${values.blobs} blobs`, `${report.startupSeconds.toFixed(2)} s`],
    ['  of that, CPU', `${report.startupCpuSeconds.toFixed(2)} s`],
    ['warm blob through the shim', `${megabytes(report.shimBytesPerSecond)}/s`],
    ['  CPU for each GiB', `${report.shimCpuSecondsPerGiB.toFixed(2)} s`],
    ['the same file by nginx', `${megabytes(report.nginxBytesPerSecond)}/s`],
    ['shim / nginx', report.nginxRatio.toFixed(2)],
  ]
  const width = Math.max(...lines.map(([label]) => label.length))
  for (const [label, value] of lines) console.log(`${label.padEnd(width)}  ${value.padStart(12)}`)
}
