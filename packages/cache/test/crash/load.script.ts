/**
 * Puts a cache under load until it is killed: fills, takes in files, reads, deletes and lets blobs give way, all at the same time. Prints
 * what the cache confirmed, each line before anything else can happen:
 *
 * - `ready`, `marked <blob> <chunk>`, `complete <blob>`, `read <blob>` after the fact
 * - `removing <digest>` and `dropping <digest>` before the file of a complete or a partial blob goes
 * - `wrong <blob>` when bytes were served that are not the blob's
 *
 * node load.script.ts <data directory> <seed>
 */
import { writeSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StoreError } from '@shoal/content'
import { nodeFiles } from '../../dist/file-layer.js'
import { openCacheOn } from '../../dist/open-cache.js'
import { blobCount, loadBlob, quotaBytes, randomOf } from './load.ts'

const [dataDir = '', seed = '0'] = process.argv.slice(2)
const random = randomOf(Number(seed))
const fillers = 4
const readers = 3
/** Blobs whose completion may be on its way: a removal at that moment would be printed before it. */
const filling = new Set<number>()
const takingIn = new Set<number>()

const cache = await openCacheOn(
  {
    ...nodeFiles,
    async remove(path) {
      tellRemoval(path)
      await nodeFiles.remove(path)
    },
  },
  { dataDir, quota: { bytes: quotaBytes } },
)
say('ready')
await Promise.all([
  ...Array.from({ length: fillers }, () => forever(fill)),
  ...Array.from({ length: readers }, () => forever(read)),
  forever(takeIn),
  forever(remove),
])

async function forever(work: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await work()
    } catch (error) {
      // In use by another filler, or no room while all else is in use.
      if (!(error instanceof StoreError)) throw error
      if (error.fault !== 'partial-in-use' && error.fault !== 'over-quota') throw error
    }
    await pause(random(4))
  }
}

async function fill(): Promise<void> {
  const which = random(blobCount)
  const blob = loadBlob(which)
  if (await cache.blobs.has(blob.descriptor.digest)) return
  const partial = await cache.blobs.openPartial(blob.descriptor)
  filling.add(which)
  try {
    const missing = [...Array(blob.layout.count).keys()].filter((index) => !partial.held.has(index))
    const leaves = random(5) === 0
    const writer = async () => {
      while (missing.length > (leaves ? 1 : 0)) {
        const [index = 0] = missing.splice(random(missing.length), 1)
        await partial.write(index, blob.chunk(index), blob.hash(index))
        say(`marked ${which} ${index}`)
        await pause(random(3))
      }
    }
    await Promise.all([writer(), writer()])
    if (!leaves || missing.length === 0) {
      await partial.complete()
      say(`complete ${which}`)
    }
  } finally {
    filling.delete(which)
    await partial.close()
  }
}

/** A clone where the temporary directory has them, or else a link. */
async function takeIn(): Promise<void> {
  const which = random(blobCount)
  const { descriptor, bytes } = loadBlob(which)
  if (await cache.blobs.has(descriptor.digest)) return
  const from = join(dirname(dataDir), 'lent')
  await rm(from, { force: true }) // the cache may have the same file
  await writeFile(from, bytes)
  takingIn.add(which)
  try {
    if (await cache.importFile({ descriptor, from, mayLink: true })) say(`complete ${which}`)
  } finally {
    takingIn.delete(which)
  }
}

async function read(): Promise<void> {
  const which = random(blobCount)
  const { descriptor, bytes } = loadBlob(which)
  const blob = await cache.blobs.open(descriptor.digest)
  if (blob === undefined) return
  const start = random(descriptor.size)
  const end = start + random(descriptor.size - start + 1)
  try {
    const pieces = await Array.fromAsync(blob.stream({ start, end }))
    say(Buffer.concat(pieces).equals(bytes.subarray(start, end)) ? `read ${which}` : `wrong ${which}`)
  } finally {
    await blob.close()
  }
}

async function remove(): Promise<void> {
  await pause(40)
  const which = random(blobCount)
  if (filling.has(which) || takingIn.has(which)) return
  await cache.blobs.delete(loadBlob(which).descriptor.digest)
}

function tellRemoval(path: string): void {
  const algorithm = dirname(path)
  const isComplete = basename(dirname(algorithm)) === 'blobs'
  say(`${isComplete ? 'removing' : 'dropping'} ${basename(algorithm)}:${basename(path)}`)
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
