/**
 * Has a cache without privileges share blobs of a content store that is root's, of which only `blobs` is mounted where it
 * looks, as in the chart's pods. Exits with 0 when they are served from there.
 *
 *     node mounted-blobs.script.ts <empty directory, in a mount namespace of its own>
 */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCache } from '../dist/index.js'
import { chunkLength, load, makeBlob, until } from './fixture.ts'

const nobody = 65_534
const store = 'io.containerd.content.v1.content'

const [directory = ''] = process.argv.slice(2)
const root = join(directory, 'root')
const view = join(directory, 'view')
const dataDir = join(directory, 'data')
const blob = makeBlob(3 * chunkLength + 1)
const path = join(root, store, 'blobs', ...blob.descriptor.digest.split(':'))
await mkdir(join(path, '..'), { recursive: true })
await writeFile(path, blob.bytes)
await chmod(path, 0o444)
await chmod(root, 0o700) // all this as containerd has it
await mkdir(join(view, store, 'blobs'), { recursive: true })
const mount = ['--bind', '-o', 'ro', join(root, store, 'blobs'), join(view, store, 'blobs')]
strictEqual(spawnSync('mount', mount, { stdio: 'inherit' }).status, 0)
await mkdir(dataDir)
await chown(dataDir, nobody, nobody)
process.setgroups?.([])
process.setgid?.(nobody)
process.setuid?.(nobody)

await rejects(readdir(root), { code: 'EACCES' })
const cache = await openCache({ dataDir, containerdContent: view })
await until(() => cache.blobs.has(blob.descriptor.digest))
ok((await load(cache, blob))?.equals(blob.bytes))
deepStrictEqual(await readdir(join(dataDir, 'blobs', 'sha256')), [])
await cache.stop()
