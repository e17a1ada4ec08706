import test from 'ava'
import { type Syncable, WriteBehind } from '../dist/write-behind.js'

const mebibyte = 1024 * 1024

/** A file whose syncs end when the test says so. */
class HeldFile implements Syncable {
  readonly syncs: PromiseWithResolvers<void>[] = []

  sync(): Promise<void> {
    const sync = Promise.withResolvers<void>()
    this.syncs.push(sync)
    return sync.promise
  }
}

test('a file is synced while it is written', (t) => {
  const file = new HeldFile()
  const behind = new WriteBehind(file, { taken: false })
  for (let written = 0; written < 31; written++) behind.wrote(mebibyte)
  t.is(file.syncs.length, 0)
  behind.wrote(mebibyte)
  t.is(file.syncs.length, 1)
})

test('one file at a time is synced', async (t) => {
  const [one, two] = [new HeldFile(), new HeldFile()]
  const slot = { taken: false }
  const [first, second] = [new WriteBehind(one, slot), new WriteBehind(two, slot)]
  first.wrote(64 * mebibyte)
  second.wrote(64 * mebibyte)
  t.is(two.syncs.length, 0)
  one.syncs[0]?.resolve()
  await first.settled()
  second.wrote(1)
  t.is(two.syncs.length, 1)
})

test('finish syncs what was written since', async (t) => {
  const file = new HeldFile()
  const behind = new WriteBehind(file, { taken: false })
  behind.wrote(64 * mebibyte)
  file.syncs[0]?.resolve()
  await behind.settled()
  behind.wrote(1)
  const finished = behind.finish()
  await behind.settled()
  t.is(file.syncs.length, 2)
  file.syncs[1]?.resolve()
  await t.notThrowsAsync(finished)
})

test('a sync that failed in the background fails the finish, though the next would succeed', async (t) => {
  const file = new HeldFile()
  const slot = { taken: false }
  const behind = new WriteBehind(file, slot)
  behind.wrote(64 * mebibyte)
  file.syncs[0]?.reject(new Error('lost'))
  await behind.settled()
  t.false(slot.taken)
  await t.throwsAsync(behind.finish(), { message: 'lost' })
})
