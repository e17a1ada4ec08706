/**
 * Fills blobs, the seeds of which count up from the first, and prints what the cache confirmed:
 * `chunk <seed> <index>`, `complete <seed>`. Prints `waiting` when it comes to the last, of which it leaves
 * one chunk out, and waits to be killed.
 *
 * node fill.script.ts <data directory> <chunks in a blob> <first seed> <last seed>
 */
import { openCache } from '../dist/index.js'
import { chunkLength, count, makeBlob } from './fixture.ts'

const [dataDir = '', chunks, first, last] = process.argv.slice(2)
const cache = await openCache({ dataDir })
for (let seed = Number(first); seed <= Number(last); seed++) {
  const blob = makeBlob(Number(chunks) * chunkLength - 1, String(seed))
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const missing = count(blob).filter((index) => !partial.held.has(index))
  const leaveOut = seed === Number(last) ? 1 : 0
  const writers = [0, 1, 2].map(async () => {
    while (missing.length > leaveOut) {
      const index = missing.pop() ?? 0
      await partial.write(index, blob.chunk(index), blob.hash(index))
      print(`chunk ${seed} ${index}`)
    }
  })
  await Promise.all(writers)
  if (leaveOut > 0) break
  await partial.complete()
  print(`complete ${seed}`)
  await partial.close()
}
print('waiting')
setInterval(() => undefined, 60_000) // keeps the process, and with it the lock of the data directory

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
