import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidInputError, StoreError } from '@shoal/content'
import test from 'ava'
import { openHostStore } from '../../dist/host/host-store.js'
import { temporaryDirectory } from './fixture.ts'

test('a store keeps its identity', async (t) => {
  const directory = join(await temporaryDirectory(t), 'made-on-demand')
  const first = await openHostStore(directory)
  const second = await openHostStore(directory)
  t.true(second.privateKey.equals(first.privateKey))
})

test('the private key is for its owner alone, and nothing half written stays beside it', async (t) => {
  const directory = await temporaryDirectory(t)
  await openHostStore(directory)
  t.is((await stat(join(directory, 'host.key'))).mode & 0o777, 0o600)
  t.deepEqual(await readdir(directory), ['host.key'])
})

test('stores without a directory have nothing in common', async (t) => {
  const [one, other] = await Promise.all([openHostStore(), openHostStore()])
  t.false(one.privateKey.equals(other.privateKey))
})

test('a key file that is garbage is an error that names it', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'host.key'), 'not a key')
  await t.throwsAsync(openHostStore(directory), {
    instanceOf: InvalidInputError,
    code: 'HOST_KEY_INVALID',
    message: /host\.key.*new identity/,
  })
})

test("a directory that can't be made is an error that names it", async (t) => {
  const file = join(await temporaryDirectory(t), 'file')
  await writeFile(file, '')
  await t.throwsAsync(openHostStore(join(file, 'data')), { instanceOf: StoreError, message: /file\/data: / })
})

test("a key that can't be read is an error", async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'host.key'))
  await t.throwsAsync(openHostStore(directory), {
    instanceOf: StoreError,
    message: /host\.key: it can't be read/,
  })
})
