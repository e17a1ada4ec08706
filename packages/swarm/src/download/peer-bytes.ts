import { type AbortOptions, type ByteRange, ChunkLayout } from '@shoal/content'
import { ChunkSession, type ReceivedChunk } from '../exchange/chunk-session.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import type { WantedBlob } from '../wanted-blob.ts'

export interface PeerBytesInit {
  readonly host: SwarmHost
  readonly peer: string
  readonly wanted: WantedBlob
  readonly size: number
}

/**
 * Reads a range of what a peer has of a blob, into memory only.
 *
 * @throws Error when the peer does not send all of it, or the signal's reason
 */
export async function readFromPeer(
  { host, peer, wanted, size }: PeerBytesInit,
  { start, end }: ByteRange,
  options: AbortOptions,
): Promise<Uint8Array> {
  const session = await ChunkSession.open(host, peer, wanted, options)
  if (session === undefined) throw new Error(`peer ${peer} has nothing of ${wanted.digest} any more`)
  const layout = new ChunkLayout(size)
  const missing = new Set<number>()
  if (start < end)
    for (let index = layout.indexAt(start); index <= layout.indexAt(end - 1); index++) missing.add(index)
  const bytes = Buffer.alloc(end - start)
  const { promise: arrived, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(options.signal?.reason)
  options.signal?.addEventListener('abort', onAbort)
  const take = ({ index, bytes: chunk }: ReceivedChunk): void => {
    const { start: chunkStart } = layout.rangeOf(index)
    const from = Math.max(start, chunkStart)
    bytes.set(chunk.subarray(from - chunkStart, Math.max(0, end - chunkStart)), from - start)
    missing.delete(index)
    if (missing.size === 0) resolve()
  }
  try {
    session.start({
      onHave() {},
      onProgress() {},
      onChunk: async (chunk) => take(chunk),
      onRefused: (index) => reject(new Error(`peer ${peer} refused chunk ${index} of ${wanted.digest}`)),
      onBusy() {}, // we are in line
      onGranted: () => {
        const [next] = missing
        if (next === undefined) session.decline()
        else session.request(next)
      },
      onEnd: (error) => reject(error ?? new Error(`peer ${peer} hung up`)),
    })
    if (missing.size === 0) resolve()
    for (const index of missing) session.request(index)
    await arrived
    return bytes
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
    session.close()
  }
}
