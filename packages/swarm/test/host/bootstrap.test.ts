import test from 'ava'
import { addressOf, nextPeer, RecordingLogger, startHost, withoutId } from './fixture.ts'

const bootstrap = { firstDelayMs: 20, longestDelayMs: 100, connectedDelayMs: 60_000 }

for (const [what, form] of [
  ['with a peer id', (address: string) => address],
  ['without a peer id', withoutId],
  ['by name', (address: string) => withoutId(address).replace('/ip4/127.0.0.1/', '/dns4/localhost/')],
  ['by name, with a peer id', (address: string) => address.replace('/ip4/127.0.0.1/', '/dns/localhost/')],
] as const) {
  test(`a host joins at an address ${what}`, async (t) => {
    const first = await startHost(t)
    const second = await startHost(t, { bootstrap: [form(addressOf(first))] })
    t.is(await nextPeer(second, 'onPeerConnected'), first.peer)
  })
}

test('an address that nobody answers is logged once, and the host stays up and joins when somebody does', async (t) => {
  const late = await startHost(t)
  const address = withoutId(addressOf(late))
  await late.stop()

  const logger = new RecordingLogger()
  const host = await startHost(t, { bootstrap: [address], logger, timings: { bootstrap } })
  const line = await logger.seen('warn')
  t.is(line.fields.address, address)
  const joined = nextPeer(host, 'onPeerConnected')
  const returned = await startHost(t, { listen: [address] })
  t.is(await joined, returned.peer)
  t.is(logger.at('warn').length, 1)
  t.is((await logger.seen('info')).fields.address, address)
})

test('one address that nobody answers does not keep a host from the others', async (t) => {
  const first = await startHost(t)
  const dead = await startHost(t)
  await dead.stop()
  const host = await startHost(t, { bootstrap: [withoutId(deadAddress(dead)), withoutId(addressOf(first))] })
  t.is(await nextPeer(host, 'onPeerConnected'), first.peer)

  function deadAddress(stopped: typeof dead): string {
    return stopped.addresses()[0] ?? `/ip4/127.0.0.1/tcp/1/p2p/${stopped.peer}`
  }
})

test('a name that does not exist is logged, and the host stays up', async (t) => {
  const logger = new RecordingLogger()
  await startHost(t, { bootstrap: ['/dns4/nobody.invalid/tcp/5006'], logger })
  t.is((await logger.seen('warn')).fields.address, '/dns4/nobody.invalid/tcp/5006')
})

test('a host that finds itself at an address does not mind', async (t) => {
  const reserved = await startHost(t)
  const address = withoutId(addressOf(reserved))
  await reserved.stop()
  const logger = new RecordingLogger()
  const host = await startHost(t, { listen: [address], bootstrap: [address], logger, timings: { bootstrap } })
  const other = await startHost(t, { bootstrap: [address] })
  t.is(await nextPeer(host, 'onPeerConnected'), other.peer)
  t.deepEqual(logger.at('warn'), [])
})

test('a host that has lost its last peer looks for it at once', async (t) => {
  const first = await startHost(t)
  const address = addressOf(first)
  const schedule = { ...bootstrap, connectedDelayMs: 3_600_000 }
  const host = await startHost(t, { bootstrap: [withoutId(address)], timings: { bootstrap: schedule } })
  await nextPeer(host, 'onPeerConnected')
  const lost = nextPeer(host, 'onPeerDisconnected')
  await first.stop()
  await lost
  const back = nextPeer(host, 'onPeerConnected')
  const again = await startHost(t, { listen: [withoutId(address)] })
  t.is(await back, again.peer)
})

test('a dozen hosts that join at one address at once all get in', async (t) => {
  const first = await startHost(t)
  const count = 12
  const joined = new Promise<void>((resolve) =>
    first.onPeerConnected(() => {
      if (first.connectedPeers().length === count) resolve()
    }),
  )
  const logger = new RecordingLogger()
  await Promise.all(
    Array.from({ length: count }, () => startHost(t, { bootstrap: [withoutId(addressOf(first))], logger })),
  )
  await joined
  // On a busy machine one may have to call twice; none may be turned away.
  t.deepEqual(
    logger.at('warn').filter(({ fields }) => fields.reason !== 'no answer in time'),
    [],
  )
})
