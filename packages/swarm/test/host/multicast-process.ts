/**
 * Two hosts of one cluster and one of another on one network segment; says as JSON whether the second met the first, and
 * whether the stranger met anybody.
 */
import { parseClusterSecret } from '../../dist/host/cluster-secret.js'
import { createSwarmHost } from '../../dist/host/swarm-host.js'
import { clusterSecret, loopback, nextPeer } from './fixture.ts'

const timings = { bootstrap: { firstDelayMs: 50, longestDelayMs: 200, connectedDelayMs: 60_000 } }
const init = { listen: [loopback], bootstrap: ['mdns'], timings }
const stranger = await createSwarmHost({
  ...init,
  clusterSecret: parseClusterSecret('c3d2e1f00fedcba9876543210a1b2c3d'),
})
const first = await createSwarmHost({ ...init, clusterSecret })
const second = await createSwarmHost({ ...init, clusterSecret })
const met = second.connectedPeers()[0] ?? (await nextPeer(second, 'onPeerConnected'))
const result = { first: met === first.peer, stranger: stranger.connectedPeers().length > 0 }
await Promise.all([first, second, stranger].map((host) => host.stop()))
process.stdout.write(JSON.stringify(result))
