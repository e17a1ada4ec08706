/**
 * Makes a cache of many small blobs, or opens one and tells how long that took, as one line of JSON.
 *
 *     node cache-startup.ts <data directory> make <blobs> | open
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { openCache, storeBlob } from '@shoal/cache'
import { digestFromHash } from '@shoal/content'

const [dataDir = '', mode, count] = process.argv.slice(2)
const makers = 16

if (mode === 'make') await make(Number(count))
else {
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const cache = await openCache({ dataDir })
  const startupSeconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const blobs = (await Array.fromAsync(cache.blobs.list())).length
  await cache.stop()
  const report = { startupSeconds, startupCpuSeconds: (user + system) / 1e6, blobs }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

/** Stored one by one: what an agent would have left. */
async function make(blobs: number): Promise<void> {
  const cache = await openCache({ dataDir })
  let next = 0
  const maker = async () => {
    while (next < blobs) {
      const bytes = Buffer.from(`blob ${next++}`)
      const digest = digestFromHash('sha256', createHash('sha256').update(bytes).digest())
      const descriptor = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
      await storeBlob(cache.blobs, { descriptor, bytes: Readable.from([bytes]) })
    }
  }
  await Promise.all(Array.from({ length: makers }, maker))
  await cache.stop()
}
