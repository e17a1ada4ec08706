/**
 * Has a cache take in a pinned image from a content store on the same file system, and looks at what that took. Exits
 * with 0 when the bytes are there once.
 *
 *     node share.script.ts <empty directory> <clone | link>
 */
import { ok, strictEqual } from 'node:assert'
import { chmod, mkdir, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseImageReference } from '@shoal/content'
import { openCache } from '../dist/index.js'
import { chunkLength, fileOf, load, makeBlob, makeImage, type TestBlob, until } from './fixture.ts'

const [directory = '', way = ''] = process.argv.slice(2)
const dataDir = join(directory, 'data')
const content = join(directory, 'content')
const layer = makeBlob(128 * chunkLength)
const image = makeImage([layer])
const theirs = ({ descriptor }: TestBlob) => join(content, 'blobs', ...descriptor.digest.split(':'))

await mkdir(join(content, 'blobs', 'sha256'), { recursive: true })
for (const blob of image.blobs) {
  await writeFile(theirs(blob), blob.bytes)
  await chmod(theirs(blob), 0o444) // as containerd leaves them
}

const first = await openCache({ dataDir, containerdContent: content })
await first.images.pin(parseImageReference('registry.test/app:1'))
await image.name(first, 'registry.test/app:1')
for (const blob of image.blobs) await until(() => first.blobs.has(blob.descriptor.digest))
await first.stop()
const before = await usedBytes()

const cache = await openCache({ dataDir, containerdContent: content })
await until(async () => cache.usedBytes() === image.size)
const grown = (await usedBytes()) - before
ok(grown < layer.descriptor.size / 8, `${grown} bytes more are used`)
const own = await stat(fileOf(dataDir, 'blobs', layer))
const other = await stat(theirs(layer))
strictEqual(own.ino === other.ino, way === 'link')
strictEqual(own.nlink, way === 'link' ? 2 : 1)
strictEqual(other.mode & 0o777, 0o444)
if (way === 'clone') strictEqual(own.mode & 0o777, 0o600)

for (const blob of image.blobs) await unlink(theirs(blob))
await until(async () => (await stat(fileOf(dataDir, 'blobs', layer))).nlink === 1)
ok((await load(cache, layer))?.equals(layer.bytes))
await cache.stop()

async function usedBytes(): Promise<number> {
  const { blocks, bfree, bsize } = await statfs(directory)
  return (blocks - bfree) * bsize
}
