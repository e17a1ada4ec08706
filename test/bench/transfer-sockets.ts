import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { certificate, privateKey } from '../../packages/upstream/test/fixture-tls.ts'
import { ChunkSink, type Contender, type Meter, pieceBytes } from './transfer-contender.ts'

/** node:tls, TLS 1.3 with the cipher that it takes by itself. */
export const nodeTls: Contender = {
  serve: (totalBytes, meter) =>
    listen(
      tls
        .createServer({ cert: certificate, key: privateKey, minVersion: 'TLSv1.3' })
        .on('secureConnection', (socket) => void send(socket, totalBytes, meter)),
    ),

  async receive(address, meter) {
    const socket = tls.connect({
      ...parse(address),
      ca: certificate,
      servername: 'localhost',
      minVersion: 'TLSv1.3',
    })
    await once(socket, 'secureConnect')
    return await collect(socket, meter)
  },
}

/** What the network and Node's sockets cost by themselves. */
export const rawTcp: Contender = {
  serve: (totalBytes, meter) => listen(net.createServer((socket) => void send(socket, totalBytes, meter))),

  async receive(address, meter) {
    const socket = net.connect(parse(address))
    await once(socket, 'connect')
    return await collect(socket, meter)
  },
}

async function listen(server: net.Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return String((server.address() as net.AddressInfo).port)
}

function parse(address: string): { host: string; port: number } {
  return { host: '127.0.0.1', port: Number(address) }
}

async function send(socket: net.Socket, totalBytes: number, meter: Meter): Promise<void> {
  const piece = new Uint8Array(pieceBytes).fill(7)
  meter.start()
  for (let sent = 0; sent < totalBytes; sent += pieceBytes) {
    if (!socket.write(piece)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'finish')
  meter.stop()
}

async function collect(socket: net.Socket, meter: Meter): Promise<number> {
  const sink = new ChunkSink()
  meter.start()
  socket.on('data', (piece) => sink.add(piece as Buffer))
  await once(socket, 'end')
  meter.stop()
  return sink.received
}
