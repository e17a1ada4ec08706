import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { addressOf, all, eventually, knows, randomCid, startHost, startProcess } from './fixture.ts'

const timings = { linkIntervalMs: 50, linkIdleMs: 200, linkTimeoutMs: 1_500, openTimeoutMs: 500 }

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
  const found = await eventually(
    () => all(host.discovery.find(cid)),
    (peers) => peers.length > 0,
  )
  t.deepEqual(found, [other.peer])
  t.deepEqual(await all(host.discovery.find(randomCid(), { timeoutMs: 300 })), [])
})

test('a peer that hangs is cut off, leaves the routing table, and comes back when it wakes', async (t) => {
  const { host, hung } = await startWithHungPeer(t)
  const key = randomCid().multihash.bytes
  await eventually(
    async () => [...host.connectedPeers(), ...(await host.closestPeers(key, 3))],
    (peers) => !peers.includes(hung.peer),
  )
  hung.process.kill('SIGCONT')
  await eventually(
    () => host.closestPeers(key, 3),
    (peers) => peers.includes(hung.peer),
  )
  t.true(host.connectedPeers().includes(hung.peer))
})

test('opening a stream to a peer that hangs fails at the deadline', async (t) => {
  const { host, hung } = await startWithHungPeer(t)
  await t.throwsAsync(host.open(hung.peer, '/test/1.0.0'), { code: 'PEER_UNREACHABLE' })
})

test('peers are not cut off by a host that was held up itself', async (t) => {
  const host = await startHost(t, { timings })
  const peer = await startHost(t, { bootstrap: [addressOf(host)], timings })
  await knows(host, 1)
  let disconnected = 0
  host.onPeerDisconnected(() => disconnected++)
  peer.onPeerDisconnected(() => disconnected++)
  // Each time for longer than a peer may take to answer, and with too little between for an answer to be read.
  for (let round = 0; round < 3; round++) {
    const untilMs = performance.now() + timings.linkTimeoutMs + 100
    while (performance.now() < untilMs);
    await sleep(1)
  }
  await sleep(timings.linkTimeoutMs)
  t.is(disconnected, 0)
})
