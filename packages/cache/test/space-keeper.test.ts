import { digestFromHash } from '@shoal/content'
import test from 'ava'
import type { EvictionCandidate } from '../dist/evict.js'
import { Residents } from '../dist/residents.js'
import { SpaceKeeper, type SpaceKeeperInit } from '../dist/space-keeper.js'
import { makeDirectory, until } from './fixture.ts'

const blob = (n: number) => ({
  digest: digestFromHash('sha256', new Uint8Array(32).fill(n)),
  size: 10,
  mediaType: 'application/test',
})

/** Of what was added first, in that order. */
function residentsOf(...numbers: number[]): Residents {
  const residents = new Residents()
  for (const n of numbers) residents.addBlob(blob(n), n)
  return residents
}

const keeperOf = (init: Pick<SpaceKeeperInit, 'path' | 'residents'> & Partial<SpaceKeeperInit>) =>
  new SpaceKeeper({
    quota: { bytes: 20 },
    isInUse: () => false,
    pinned: async () => new Set(),
    evict: async ({ digest }) => init.residents.removeBlob(digest),
    onEvent: () => undefined,
    ...init,
  })

test('what is added while room is being made gives way too', async (t) => {
  const residents = residentsOf(1, 2, 3)
  let hasAdded = false
  const keeper = keeperOf({
    path: await makeDirectory(t),
    residents,
    async evict({ digest }: EvictionCandidate) {
      if (!hasAdded) {
        hasAdded = true
        residents.addBlob(blob(4), 4)
        keeper.enforce()
      }
      return residents.removeBlob(digest)
    },
  })
  keeper.enforce()
  await until(async () => residents.ownBytes <= 20)
  await keeper.stop()
  t.deepEqual(residents.digests(), [blob(3).digest, blob(4).digest])
})

test('in place of a blob that somebody began to use, another gives way', async (t) => {
  const residents = residentsOf(1, 2, 3)
  const keeper = keeperOf({
    path: await makeDirectory(t),
    residents,
    evict: async ({ digest }) => digest !== blob(1).digest && residents.removeBlob(digest),
  })
  keeper.enforce()
  await keeper.stop()
  t.deepEqual(residents.digests(), [blob(1).digest, blob(3).digest])
})
