/**
 * The receiving process of the lanes benchmark: `<lanes> <bytes per sender>`, addresses by IPC. With no lanes the main
 * thread does all; else worker threads own the connections, and the bytes never cross the main thread.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

if (isMainThread) setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')

const { freeMemory } = await import('@shoal/content')
const { connectToSender } = await import('./transfer-shoal.ts')
const { chunkBytes } = await import('./transfer-contender.ts')

if (isMainThread) process.once('message', (addresses) => void receiveAll(addresses as string[]))
else {
  const stores = await Promise.all((workerData as string[]).map(prepare))
  parentPort?.postMessage('connected')
  await once(parentPort as NonNullable<typeof parentPort>, 'message')
  await Promise.all(stores.map((store) => store()))
  parentPort?.postMessage('done')
  process.exit()
}

async function receiveAll(addresses: string[]): Promise<void> {
  const lanes = Number(process.argv[2])
  const totalBytes = Number(process.argv[3]) * addresses.length
  const run = lanes === 0 ? await onMainThread(addresses) : await inWorkers(addresses, lanes)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const before = process.cpuUsage()
  const startMs = performance.now()
  await run()
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(before)
  process.send?.({
    bytesPerSecond: totalBytes / seconds,
    cpuSecondsPerGiB: (user + system) / 1e6 / (totalBytes / 1024 ** 3),
    mainThreadDelaySeconds: delay.percentile(99) / 1e9,
  })
}

async function onMainThread(addresses: string[]): Promise<() => Promise<unknown>> {
  const stores = await Promise.all(addresses.map(prepare))
  return () => Promise.all(stores.map((store) => store()))
}

async function inWorkers(addresses: string[], lanes: number): Promise<() => Promise<unknown>> {
  const workers = Array.from(
    { length: lanes },
    (_, lane) =>
      new Worker(new URL(import.meta.url), {
        workerData: addresses.filter((_, index) => index % lanes === lane),
      }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return () =>
    Promise.all(
      workers.map(async (worker) => {
        const done = once(worker, 'message')
        worker.postMessage('start')
        await done
      }),
    )
}

/** Connects. What it returns takes in all that comes, as a download does: chunk by chunk, hashed and written to a file. */
async function prepare(address: string): Promise<() => Promise<void>> {
  const stream = await connectToSender(address)
  const directory = await mkdtemp(join(tmpdir(), 'shoal-lanes-'))
  const file = await open(join(directory, 'blob'), 'w')
  return async () => {
    let offset = 0
    while ((await stream.read()) !== undefined) {
      const chunk = Buffer.allocUnsafeSlow(chunkBytes)
      await stream.readBody(chunk)
      hash('sha256', chunk, 'buffer')
      await file.write(chunk, 0, chunkBytes, offset)
      freeMemory(chunk)
      offset += chunkBytes
    }
    await file.close()
    await rm(directory, { recursive: true })
  }
}
