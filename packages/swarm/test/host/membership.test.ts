import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import test, { type ExecutionContext } from 'ava'
import { createLibp2p } from 'libp2p'
import { generateClusterSecret, parseClusterSecret } from '../../dist/host/cluster-secret.js'
import { parseAddress } from '../../dist/host/peer-addresses.js'
import {
  addressOf,
  all,
  loopback,
  RecordingLogger,
  randomCid,
  startHost,
  startNode,
  withoutId,
} from './fixture.ts'

type Stranger = Libp2p<{ dht: KadDHT }>

/** A libp2p node that knows our protocols, and no secret. */
async function startStranger(t: ExecutionContext): Promise<Stranger> {
  const node = await createLibp2p({
    addresses: { listen: [loopback] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify({ protocolPrefix: 'shoal' }),
      ping: ping({ protocolPrefix: 'shoal' }),
      dht: kadDHT({
        protocol: '/shoal/kad/1.0.0',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
      }),
    },
  })
  t.teardown(() => node.stop())
  return node
}

for (const [what, start] of [
  ['without a secret', startStranger],
  ['with another secret', (t: ExecutionContext) => startNode(t, parseClusterSecret(generateClusterSecret()))],
] as const) {
  test(`a node ${what} completes no handshake and learns no provider`, async (t) => {
    const host = await startHost(t)
    const cid = randomCid()
    host.discovery.provide(cid)
    const stranger: Stranger = await start(t)
    let met = 0
    host.onPeerConnected(() => met++)
    stranger.addEventListener('peer:connect', () => met++)

    for (const address of [addressOf(host), withoutId(addressOf(host))]) {
      await t.throwsAsync(stranger.dial(parseAddress(address)), { name: 'EncryptionFailedError' })
    }
    const providers = (await all(stranger.services.dht.findProviders(cid))).filter(
      ({ name }) => name === 'PROVIDER',
    )
    t.deepEqual(providers, [])
    t.is(met, 0)
  })

  test(`a host joins no node ${what}, and says why`, async (t) => {
    const logger = new RecordingLogger()
    const stranger = await start(t)
    const bootstrap = stranger.getMultiaddrs().map(String)
    const host = await startHost(t, { bootstrap, logger })
    const line = await logger.seen('warn')
    t.regex(String(line.fields.reason), /same cluster secret/)
    t.deepEqual(host.connectedPeers(), [])
  })
}
