import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
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

/** Passes on what comes, a little at a time; by the clock, since a busy machine sleeps longer than it is told to. */
async function carry(from: Socket, to: Socket, bytesPerMs: number): Promise<void> {
  let freeAtMs = performance.now()
  for await (const piece of from) {
    for (let start = 0; start < piece.length; start += 20 * bytesPerMs) {
      const bytes = piece.subarray(start, start + 20 * bytesPerMs)
      to.write(bytes)
      freeAtMs = Math.max(freeAtMs, performance.now() - 500) + bytes.length / bytesPerMs
      await sleep(Math.max(0, freeAtMs - performance.now()))
    }
  }
  to.end()
}

/** The address of a thin line that leads to another address. */
async function startThinLine(t: ExecutionContext, address: string, bytesPerMs: number): Promise<string> {
  const [, port = ''] = /\/tcp\/(\d+)\//.exec(address) ?? []
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1')
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined))
    const carrying = [carry(near, far, bytesPerMs), carry(far, near, bytesPerMs)]
    // A line breaks when a host leaves.
    Promise.all(carrying).catch(() => [near, far].map((socket) => socket.destroy()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return address.replace(`/tcp/${port}/`, `/tcp/${(server.address() as AddressInfo).port}/`)
}

test('a peer is not cut off while a chunk takes longer on a thin line than an answer may', async (t) => {
  const hasty = { linkIntervalMs: 50, linkIdleMs: 100, linkTimeoutMs: 1_000 }
  const holder = await startHost(t, { timings: hasty })
  const line = await startThinLine(t, addressOf(holder), 100)
  const requester = await startHost(t, { bootstrap: [line], timings: hasty })
  await knows(requester, 1)
  let disconnected = 0
  for (const host of [holder, requester]) host.onPeerDisconnected(() => disconnected++)
  await holder.handle('/test/1.0.0', (stream) =>
    stream.sendWithBody(new Uint8Array(1), new Uint8Array(256 * 1024)),
  )
  const stream = await requester.open(holder.peer, '/test/1.0.0')
  await stream.read()
  await stream.readBody(new Uint8Array(256 * 1024))
  t.is(disconnected, 0)
})
