import test from 'ava'
import { Announcer } from '../../dist/discovery/announcer.js'
import type { KadClient } from '../../dist/discovery/kad-client.js'
import type { ProviderRecords } from '../../dist/discovery/provider-records.js'
import type { Withdrawals } from '../../dist/discovery/withdrawals.js'
import { randomCid } from '../host/fixture.ts'
import { componentsFor, inventPeers } from './invented-table.ts'

/** An announcer of one blob that has told whom it should. */
async function startAnnounced(t: { teardown: (fn: () => void) => void }) {
  const peers = await inventPeers(20)
  let clusterSize = 100
  let told = 0
  let done = Promise.withResolvers<void>()
  const addProvider = async () => {
    told++
    return { providers: [], closer: [] }
  }
  const ignore = { error() {}, warn() {}, info() {} }
  const announcer = new Announcer({
    ...componentsFor(peers),
    client: { addProvider } as unknown as KadClient,
    records: { add: async () => undefined } as unknown as ProviderRecords,
    withdrawals: { cancel: async () => undefined } as unknown as Withdrawals,
    addresses: () => [],
    clusterSize: () => clusterSize,
    logger: {
      ...ignore,
      debug: (_, message) => {
        if (message === 'announced') done.resolve()
      },
    },
  })
  // The announcer's own timers keep no process up.
  const awake = setInterval(() => undefined, 1_000)
  t.teardown(() => {
    clearInterval(awake)
    announcer.stop()
  })
  announcer.announce(randomCid())
  await done.promise
  return {
    peers,
    announcer,
    told: () => told,
    grow: (size: number) => {
      clusterSize = size
      done = Promise.withResolvers()
      return done
    },
  }
}

test('a node that has met more peers of a cluster that is as large as before announces nothing again', async (t) => {
  const { peers, announcer, told } = await startAnnounced(t)
  t.is(told(), 6)
  peers.push(...(await inventPeers(60)))
  announcer.repeat()
  // What is due goes out with the next turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.is(told(), 6)
})

test('when the cluster has doubled, others are close to the blob, and are told', async (t) => {
  const { announcer, told, grow } = await startAnnounced(t)
  const again = grow(200)
  announcer.repeat()
  await again.promise
  t.is(told(), 12)
})
