import test from 'ava'
import type { SwarmHost } from '../../dist/host/swarm-host.js'
import { addressOf, all, knows, nextPeer, randomCid, startHost, startProcess } from './fixture.ts'

const timings = { linkIntervalMs: 50, linkIdleMs: 200, linkTimeoutMs: 300, openTimeoutMs: 500 }

/** Two hosts here and a third in a process that hangs: it has the connections, and answers nothing. */
async function startWithHungPeer(t: Parameters<typeof startHost>[0]) {
  const host = await startHost(t, { timings })
  const other = await startHost(t, { bootstrap: [addressOf(host)] })
  const hung = await startProcess(t, addressOf(host))
  await Promise.all([knows(host, 2), knows(other, 2)])
  hung.process.kill('SIGSTOP')
  return { host, other, hung }
}

test('a peer that hangs holds up no search and no announcement', async (t) => {
  const { host, other } = await startWithHungPeer(t)
  const cid = randomCid()
  other.discovery.provide(cid)
  let found: string[] = []
  while (found.length === 0) found = await all(host.discovery.find(cid))
  t.deepEqual(found, [other.peer])
  t.deepEqual(await all(host.discovery.find(randomCid(), { timeoutMs: 300 })), [])
})

test('a peer that hangs is cut off, leaves the routing table, and comes back when it wakes', async (t) => {
  const { host, hung } = await startWithHungPeer(t)
  const key = randomCid().multihash.bytes
  t.is(await nextPeer(host, 'onPeerDisconnected'), hung.peer)
  await forgotten(host, hung.peer, key)
  t.false(host.connectedPeers().includes(hung.peer))

  const back = nextPeer(host, 'onPeerConnected')
  hung.process.kill('SIGCONT')
  t.is(await back, hung.peer)
  await knows(host, 2)
  t.true((await host.closestPeers(key, 3)).includes(hung.peer))
})

test('opening a stream to a peer that hangs fails at the deadline', async (t) => {
  const { host, hung } = await startWithHungPeer(t)
  await t.throwsAsync(host.open(hung.peer, '/test/1.0.0'), { code: 'PEER_UNREACHABLE' })
})

test('a peer that is only busy is not cut off', async (t) => {
  const host = await startHost(t, { timings })
  const busy = await startHost(t, { bootstrap: [addressOf(host)], timings })
  await knows(host, 1)
  let disconnected = 0
  host.onPeerDisconnected(() => disconnected++)
  busy.onPeerDisconnected(() => disconnected++)
  // Both ends are in this process, and it is held up for far longer than a peer may take to answer.
  for (let round = 0; round < 3; round++) {
    const untilMs = performance.now() + 1_000
    while (performance.now() < untilMs);
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.is(disconnected, 0)
})

async function forgotten(host: SwarmHost, peer: string, key: Uint8Array): Promise<void> {
  while ((await host.closestPeers(key, 3)).includes(peer))
    await new Promise((resolve) => setImmediate(resolve))
}
