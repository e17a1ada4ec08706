/**
 * One end of the transfer benchmark, in a process of its own. Started by transfer.bench.ts with an IPC channel and
 * `<role> <noise> <young generation> <bytes>`.
 */
import { setFlagsFromString } from 'node:v8'

const [role, noiseKind, youngGeneration, totalBytes] = process.argv.slice(2)
// Before anything is allocated: the agent's entry file does the same.
if (youngGeneration === 'small') setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')

const { noise } = await import('@chainsafe/libp2p-noise')
const { tcp } = await import('@libp2p/tcp')
const { yamux } = await import('@libp2p/yamux')
const { createLibp2p } = await import('libp2p')
const { MessageStream } = await import('../../packages/swarm/dist/host/message-stream.js')
const { parseAddress } = await import('../../packages/swarm/dist/host/peer-addresses.js')
const { createNoiseCrypto } = await import('../../packages/swarm/dist/host/noise-crypto.js')

const protocol = '/shoal/bench/1.0.0'
/** The longest chunk of a blob. */
const bodyBytes = 4 * 1024 * 1024
const header = new Uint8Array(16)

const node = await createLibp2p({
  addresses: { listen: role === 'sender' ? ['/ip4/127.0.0.1/tcp/0'] : [] },
  transports: [tcp()],
  connectionEncrypters: [noiseKind === 'stock' ? noise() : noise({ crypto: createNoiseCrypto() })],
  streamMuxers: [
    yamux({ streamOptions: { maxStreamWindowSize: 4 * 1024 * 1024, maxReadBufferLength: 8 * 1024 * 1024 } }),
  ],
  connectionMonitor: { enabled: false },
})

if (role === 'sender') await send()
else process.once('message', (address) => void receive(String(address)))

async function send(): Promise<void> {
  const body = new Uint8Array(bodyBytes).fill(7)
  await node.handle(protocol, async (stream, connection) => {
    const messages = new MessageStream(stream, { peer: connection.remotePeer.toString() })
    const before = process.cpuUsage()
    for (let sent = 0; sent < Number(totalBytes); sent += bodyBytes) await messages.sendWithBody(header, body)
    await messages.close()
    report(before)
  })
  process.send?.(node.getMultiaddrs()[0]?.toString())
}

async function receive(address: string): Promise<void> {
  const body = new Uint8Array(bodyBytes)
  const connection = await node.dial(parseAddress(address))
  const stream = await connection.newStream(protocol)
  const messages = new MessageStream(stream, { peer: connection.remotePeer.toString() })
  const before = process.cpuUsage()
  const startMs = performance.now()
  let received = 0
  while ((await messages.read()) !== undefined) {
    await messages.readBody(body)
    received += body.byteLength
  }
  const seconds = (performance.now() - startMs) / 1000
  if (received !== Number(totalBytes)) throw new Error(`received ${received} of ${totalBytes} bytes`)
  await messages.close()
  report(before, seconds)
}

function report(before: NodeJS.CpuUsage, seconds?: number): void {
  const { user, system } = process.cpuUsage(before)
  process.send?.({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
  })
}
