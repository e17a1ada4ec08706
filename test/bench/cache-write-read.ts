/**
 * Fills one blob and reads it twice as the shim does, and tells what that took, as one line of JSON.
 *
 *     node cache-write-read.ts <data directory> <bytes>
 */
import '../../packages/agent/dist/runtime-flags.js'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { openCache } from '@shoal/cache'
import { ChunkLayout, digestFromHash } from '@shoal/content'

const [dataDir = '', bytesText = ''] = process.argv.slice(2)
const size = Number(bytesText)
const layout = new ChunkLayout(size)
const source = createHash('shake128', { outputLength: layout.lengthOf(0) })
  .update('bench')
  .digest()

/** The same memory for every chunk, with its number in front: chunks differ, and making them costs nothing. */
function chunkAt(index: number): Buffer {
  source.writeUInt32BE(index)
  return source.subarray(0, layout.lengthOf(index))
}

const whole = createHash('sha256')
for (let index = 0; index < layout.count; index++) whole.update(chunkAt(index))
const digest = digestFromHash('sha256', whole.digest())

const written = await bytesWritten()
const cache = await openCache({ dataDir })
const startedAt = performance.now()
const partial = await cache.blobs.openPartial({ digest, size, mediaType: 'application/octet-stream' })
for (let index = 0; index < layout.count; index++) {
  const chunk = chunkAt(index)
  await partial.write(index, chunk, createHash('sha256').update(chunk).digest())
}
await partial.complete()
await partial.close()
const writeSeconds = (performance.now() - startedAt) / 1000

const blob = await cache.blobs.open(digest)
if (blob === undefined) throw new Error('the blob is gone')
let readSeconds = 0
for (let round = 0; round < 2; round++) {
  const readAt = performance.now()
  let read = 0
  for await (const piece of blob.stream(undefined, { borrow: true })) read += piece.length
  if (read !== size) throw new Error(`${read} bytes of ${size} were read`)
  readSeconds = (performance.now() - readAt) / 1000
}
await blob.close()
await cache.stop()
const report = {
  writeSeconds,
  readSeconds,
  diskBytes: (await bytesWritten()) - written,
  peakResidentBytes: process.resourceUsage().maxRSS * 1024,
}
process.stdout.write(`${JSON.stringify(report)}\n`)

/** What this process has caused to be written to disks. */
async function bytesWritten(): Promise<number> {
  const io = await readFile('/proc/self/io', 'utf8')
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? Number.NaN)
}
