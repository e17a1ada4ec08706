import { once } from 'node:events'
import { symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { Parser, type ReadEntry } from 'tar'
import { collect, walkTree } from '../dist/demo/file-tree.js'
import { type TarEntry, tarStream } from '../dist/demo/tar-stream.js'
import { someBytes, temporaryDirectory, writeTree } from './fixture.ts'

interface Unpacked {
  readonly path: string
  readonly type: string
  readonly mode: number | undefined
  readonly linkpath: string | undefined
  readonly content: Buffer
}

async function unpack(entries: Iterable<TarEntry>): Promise<Unpacked[]> {
  const unpacked: Unpacked[] = []
  const parser = new Parser()
  parser.on('entry', (entry: ReadEntry) => {
    const pieces: Buffer[] = []
    entry.on('data', (piece: Buffer) => pieces.push(piece))
    entry.on('end', () => {
      const { path, type, mode, linkpath } = entry
      unpacked.push({ path, type, mode, linkpath, content: Buffer.concat(pieces) })
    })
  })
  await pipeline(Readable.from(tarStream(entries)), parser)
  return unpacked
}

const file = (source: string, size: number, path = 'usr/file'): TarEntry => {
  return { path, type: 'File', mode: 0o644, size, source }
}

async function oneFile(t: ExecutionContext, content: string | Uint8Array): Promise<string> {
  return join(await writeTree(await temporaryDirectory(t), { file: content }), 'file')
}

test('files, directories and links come out as they went in', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), { 'lib/a.js': 'hello', 'lib/empty': '' })
  await symlink('a.js', join(root, 'lib/b.js'))
  const unpacked = await unpack(await collect(walkTree(root, 'opt')))
  t.deepEqual(
    unpacked.map(({ path, type, linkpath, content }) => [path, type, linkpath, content.toString()]),
    [
      ['opt/lib/', 'Directory', undefined, ''],
      ['opt/lib/a.js', 'File', undefined, 'hello'],
      ['opt/lib/b.js', 'SymbolicLink', 'a.js', ''],
      ['opt/lib/empty', 'File', undefined, ''],
    ],
  )
})

test('a name too long for the old format survives', async (t) => {
  const source = await oneFile(t, 'x')
  const path = `opt/${'deep/'.repeat(60)}ä-${'n'.repeat(150)}`
  t.deepEqual(
    (await unpack([file(source, 1, path)])).map((entry) => entry.path),
    [path],
  )
})

test('content of several blocks comes out byte for byte', async (t) => {
  const bytes = someBytes(3 * 1024 * 1024 + 17)
  const [entry] = await unpack([file(await oneFile(t, bytes), bytes.length)])
  t.true(entry?.content.equals(bytes))
})

test('a file that is gone is left out', async (t) => {
  const source = await oneFile(t, 'x')
  const unpacked = await unpack([file('/nowhere/x', 5), file(source, 1)])
  t.is(unpacked.length, 1)
})

test('a file that shrank is an error, not a broken archive', async (t) => {
  const source = await oneFile(t, 'short')
  await t.throwsAsync(unpack([file(source, 50)]), {
    message: /changed while it was being read: 5 bytes instead of 50/,
  })
})

test('a file that grew ends where its header says', async (t) => {
  const [entry] = await unpack([file(await oneFile(t, 'longer than it was'), 6)])
  t.is(entry?.content.toString(), 'longer')
})

test('a socket is left out of a walk', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), { a: '1' })
  const server = createServer().listen(join(root, 'socket'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  const found = await collect(walkTree(root, 'x'))
  t.deepEqual(
    found.map(({ path }) => path),
    ['x/a'],
  )
})

test('a tree that is not there has nothing in it', async (t) => {
  t.deepEqual(await collect(walkTree('/nowhere', 'x')), [])
})
