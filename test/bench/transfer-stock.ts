import { once } from 'node:events'
import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { parseAddress } from '../../packages/swarm/dist/host/peer-addresses.js'
import { ChunkSink, type Contender, pieceBytes } from './transfer-contender.ts'

const protocol = '/bench/1.0.0'

/** js-libp2p with Noise and yamux as they come, and one stream. */
export const stock: Contender = {
  async serve(totalBytes, meter) {
    const piece = new Uint8Array(pieceBytes).fill(7)
    const node = await createNode(['/ip4/127.0.0.1/tcp/0'])
    await node.handle(protocol, async (stream) => {
      meter.start()
      for (let sent = 0; sent < totalBytes; sent += pieceBytes) {
        // stream.onDrain() works only once.
        if (!stream.send(piece)) await once(stream, 'drain')
      }
      await stream.close()
      meter.stop()
    })
    return String(node.getMultiaddrs()[0])
  },

  async receive(address, meter) {
    const node = await createNode([])
    const stream = await node.dialProtocol(parseAddress(address), protocol)
    const sink = new ChunkSink()
    meter.start()
    stream.addEventListener('message', ({ data }) => {
      for (const piece of data instanceof Uint8Array ? [data] : data) sink.add(piece)
    })
    await once(stream, 'end')
    meter.stop()
    return sink.received
  },
}

function createNode(listen: string[]): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Its pings cut connections that are busy.
    connectionMonitor: { enabled: false },
  })
}
