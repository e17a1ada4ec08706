import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { IndexDatabase } from '../dist/index-database.js'
import { makeDirectory } from './fixture.ts'

async function openDatabase(
  t: ExecutionContext,
  path?: string,
): Promise<{ db: IndexDatabase; path: string }> {
  const where = path ?? join(await makeDirectory(t), 'index')
  const db = await IndexDatabase.open(where)
  t.teardown(() => db.close())
  return { db, path: where }
}

const put = (key: string, text: string) => ({ type: 'put', key, value: Buffer.from(text) }) as const

test('what was committed is there after a restart', async (t) => {
  const { db, path } = await openDatabase(t)
  await db.commit([put('a', '1'), put('b', '2')])
  await db.close()
  const { db: again } = await openDatabase(t, path)
  t.deepEqual(Buffer.from((await again.get('b')) ?? []).toString(), '2')
})

test('changes apply in the order in which they were committed', async (t) => {
  const { db } = await openDatabase(t)
  const commits = Array.from({ length: 50 }, (_, i) =>
    db.commit([i % 3 === 2 ? { type: 'del', key: 'a' } : put('a', String(i))]),
  )
  await Promise.all(commits)
  t.is(Buffer.from((await db.get('a')) ?? []).toString(), '49')
})

test('what was committed can be read before it is written, the last change of a row at a time', async (t) => {
  const { db } = await openDatabase(t)
  const read = async (key: string) => Buffer.from((await db.get(key)) ?? []).toString()
  const commits = [db.commit([put('a', '1'), put('b', '1')], { sync: true }), db.commit([put('a', '2')])]
  t.deepEqual(await Promise.all(['a', 'b'].map(read)), ['2', '1'])
  commits.push(db.commit([{ type: 'del', key: 'a' }]))
  t.is(await db.get('a'), undefined)
  await Promise.all(commits)
  t.is(await db.get('a'), undefined)
  t.is(await read('b'), '1')
})

test('close waits for what was committed before', async (t) => {
  const { db, path } = await openDatabase(t)
  const commits = Array.from({ length: 10 }, (_, i) => db.commit([put(`k${i}`, '')]))
  await Promise.all([db.close(), ...commits])
  const { db: again } = await openDatabase(t, path)
  t.is((await Array.fromAsync(again.keys('k'))).length, 10)
})

test('a scan gives the rows under its prefix, in order', async (t) => {
  const { db } = await openDatabase(t)
  await db.commit(['b!', 'b!2', 'b!10', 'b!\u{10ffff}', 'a!1', 'c!1', 'b"'].map((key) => put(key, key)))
  t.deepEqual(await Array.fromAsync(db.keys('b!')), ['b!', 'b!10', 'b!2', 'b!\u{10ffff}'])
  const values = (await Array.fromAsync(db.entries('b!'))).map(([, value]) => Buffer.from(value).toString())
  t.deepEqual(values, ['b!', 'b!10', 'b!2', 'b!\u{10ffff}'])
})

test('a scan that its reader leaves does not keep the index from closing', async (t) => {
  const { db } = await openDatabase(t)
  await db.commit([put('a!1', ''), put('a!2', '')])
  for await (const key of db.keys('a!')) {
    t.is(key, 'a!1')
    break
  }
  await t.notThrowsAsync(db.close())
})

test('a closed index refuses as closed', async (t) => {
  const { db } = await openDatabase(t)
  await db.close()
  for (const attempt of [() => db.get('a'), () => db.commit([]), () => Array.fromAsync(db.keys('a'))]) {
    const error = await t.throwsAsync<StoreError>(attempt, { instanceOf: StoreError })
    t.is(error.fault, 'closed')
  }
})

test('changes that come while one is being written share the next write', async (t) => {
  const { db, path } = await openDatabase(t)
  await Promise.all(Array.from({ length: 500 }, (_, i) => db.commit([put(`k${i}`, '')])))
  const log = (await readdir(path)).find((name) => name.endsWith('.log')) ?? ''
  // In LevelDB's log each write has a header of 19 bytes, and each row here takes 8 at most.
  t.true((await stat(join(path, log))).size < 500 * 8 + 50 * 19)
})
