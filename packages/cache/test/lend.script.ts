/**
 * Has a cache take in a file that lies on the same file system and belongs to somebody who goes on to change it. Runs
 * without privileges, for which a file that is read-only is that. Exits with 0 when the bytes are there once, and each
 * side has its own in the end.
 *
 *     node lend.script.ts <empty directory> <clone | link>
 */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert'
import { chmod, chown, readdir, readFile, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCache } from '../dist/index.js'
import { chunkLength, fileOf, load, makeBlob, store, until } from './fixture.ts'

const nobody = 65_534

const [directory = '', way = ''] = process.argv.slice(2)
await chown(directory, nobody, nobody)
process.setgid?.(nobody)
process.setuid?.(nobody)

const dataDir = join(directory, 'data')
const from = join(directory, 'layer')
const blob = makeBlob(128 * chunkLength)
const { descriptor } = blob
await writeFile(from, blob.bytes)
await chmod(from, 0o444)
const cache = await openCache({ dataDir })
const heard: string[] = []
cache.blobs.onAdded((digest) => heard.push(digest))

const before = await usedBytes()
strictEqual(await cache.importFile({ descriptor, from, mayLink: false }), way === 'clone')
if (way === 'link') {
  strictEqual(await cache.blobs.has(descriptor.digest), false)
  strictEqual(await cache.importFile({ descriptor, from, mayLink: true }), true)
}
const grown = (await usedBytes()) - before
ok(grown < descriptor.size / 8, `${grown} bytes more are used`)
deepStrictEqual(heard, [descriptor.digest])
deepStrictEqual(await readdir(join(dataDir, 'uploads')), [])
strictEqual(cache.usedBytes(), descriptor.size)
const own = await stat(fileOf(dataDir, 'blobs', blob))
const theirs = await stat(from)
strictEqual(own.ino === theirs.ino, way === 'link')
strictEqual(theirs.mode & 0o777, 0o444)
if (way === 'clone') strictEqual(own.mode & 0o777, 0o600)
ok((await load(cache, blob))?.equals(blob.bytes))

await chmod(from, 0o644)
const changed = Buffer.from(blob.bytes)
changed.write('changed in place', 3 * chunkLength)
await writeFile(from, changed, { flag: 'r+' })
await chmod(from, 0o444)
if (way === 'link') {
  await rejects(load(cache, blob))
  await until(async () => !(await cache.blobs.has(descriptor.digest)))
  await store(cache, blob)
}
ok((await load(cache, blob))?.equals(blob.bytes))
ok((await readFile(from)).equals(changed))
await cache.stop()

async function usedBytes(): Promise<number> {
  const { blocks, bfree, bsize } = await statfs(directory)
  return (blocks - bfree) * bsize
}
