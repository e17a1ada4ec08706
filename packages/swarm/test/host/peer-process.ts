/**
 * A host in a process of its own, for tests that stop a process dead, or watch one end. Started with an IPC channel
 * and `<bootstrap address>`; says `{ peer, address }` when it is up, and stops when it is told to.
 */
import { CID } from 'multiformats/cid'
import { createSwarmHost } from '../../dist/host/swarm-host.js'
import { clusterSecret, loopback } from './fixture.ts'

const [bootstrap, cid] = process.argv.slice(2)

const host = await createSwarmHost({
  listen: [loopback],
  clusterSecret,
  bootstrap: bootstrap === undefined ? [] : [bootstrap],
  timings: { bootstrap: { firstDelayMs: 50, longestDelayMs: 200, connectedDelayMs: 60_000 } },
})
if (cid !== undefined) host.discovery.provide(CID.parse(cid))
process.send?.({ peer: host.peer, address: host.addresses()[0] })
process.once('message', () => {
  void host.stop().then(() => process.disconnect())
})
