import { parseClusterSecret } from '../../packages/swarm/dist/host/cluster-secret.js'
import type { MessageStream } from '../../packages/swarm/dist/host/message-stream.js'
import { createSwarmHost } from '../../packages/swarm/dist/host/swarm-host.js'
import { type Contender, chunkBytes } from './transfer-contender.ts'

const protocol = '/shoal/bench/1.0.0'
const header = new Uint8Array(16)
const clusterSecret = parseClusterSecret('6f1c2b7e9d03a4855b7c91e2f6a8d04c3e5b7a9180f2d4c6')

/** Two of Shoal's hosts as they are, and on one stream what chunks travel as: a message, and a body after it. */
export const shoal: Contender = {
  async serve(totalBytes, meter) {
    const body = new Uint8Array(chunkBytes).fill(7)
    const host = await createSwarmHost({ listen: ['/ip4/127.0.0.1/tcp/0'], clusterSecret })
    await host.handle(protocol, async (stream) => {
      meter.start()
      for (let sent = 0; sent < totalBytes; sent += chunkBytes) {
        await stream.sendWithBody(header, body.subarray(0, totalBytes - sent))
      }
      await stream.close()
      meter.stop()
    })
    return host.addresses()[0] ?? ''
  },

  async receive(address, meter) {
    const stream = await connectToSender(address)
    meter.start()
    const body = Buffer.allocUnsafeSlow(chunkBytes)
    let received = 0
    while ((await stream.read()) !== undefined) {
      await stream.readBody(body)
      received += body.length
    }
    meter.stop()
    return received
  },
}

/** Starts a host and opens a stream on which a sender sends. */
export async function connectToSender(address: string): Promise<MessageStream> {
  const peer = address.slice(address.lastIndexOf('/') + 1)
  const host = await createSwarmHost({ listen: [], clusterSecret })
  await host.learnAddresses(peer, [address])
  return await host.open(peer, protocol)
}
