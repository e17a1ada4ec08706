import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'

/** Some ten times what a pull takes here. */
const callTimeoutMs = 120_000

/**
 * One unary call over a Unix socket; messages are protobuf.
 *
 * @throws when the service answers with another status than OK
 */
export async function callGrpc(socket: string, path: string, message: Buffer): Promise<Buffer> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
  try {
    const failed = new Promise<never>((_, reject) => session.on('error', reject))
    const signal = AbortSignal.timeout(callTimeoutMs)
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { signal },
    )
    // An answer without a message carries its status in the headers.
    let status: IncomingHttpHeaders = {}
    stream.on('response', (headers) => Object.assign(status, headers))
    stream.on('trailers', (headers) => {
      status = { ...status, ...headers }
    })
    stream.end(frame(message))
    const body = Buffer.concat(await Promise.race([stream.toArray(), failed]))
    if (status['grpc-status'] !== '0') {
      throw new Error(`${path} failed with gRPC status ${status['grpc-status']}: ${status['grpc-message']}`)
    }
    return unframe(body)
  } finally {
    session.destroy()
  }
}

/** A flag (not compressed), then the length. */
const frameHeaderBytes = 5

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

function unframe(body: Buffer): Buffer {
  return body.subarray(frameHeaderBytes, frameHeaderBytes + body.readUInt32BE(1))
}

const lengthDelimited = 2

/** A length-delimited field of less than 128 bytes. */
export function encodeField(number: number, value: Buffer): Buffer {
  if (value.length > 0x7f) throw new RangeError(`${value.length} bytes are too long for a length of one byte`)
  return Buffer.concat([Buffer.from([(number << 3) | lengthDelimited, value.length]), value])
}

/** The string in a message's first field, of less than 128 bytes. */
export function decodeString(message: Buffer, number: number): string {
  const [key, length] = message
  if (key !== ((number << 3) | lengthDelimited) || length === undefined || length > 0x7f) {
    throw new Error(`expected field ${number} of a short string, got ${message.toString('hex')}`)
  }
  return message.toString('utf8', 2, 2 + length)
}
