import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { StreamState, type YamuxStream } from '@libp2p/yamux/stream'

type YamuxInit = NonNullable<Parameters<typeof yamux>[0]>

/** What yamux's types keep to themselves, in bytes. */
interface ReceiveWindow {
  readonly recvWindow: number
  readonly recvWindowCapacity: number
}

/**
 * yamux whose streams tell the sender of more window when half of it is used up, as those of Go and Rust do. js-yamux
 * does so after each frame, however short: every message costs a second one, which is encrypted, sent and read.
 *
 * @throws Error (when a stream opens) when the installed yamux has changed underneath
 */
export function yamuxWithRareUpdates(init: YamuxInit): () => StreamMuxerFactory {
  const factory = yamux(init)()
  const createStreamMuxer = factory.createStreamMuxer.bind(factory)
  factory.createStreamMuxer = (connection: MessageStream) => {
    const muxer = createStreamMuxer(connection)
    const create = muxer.onCreateStream.bind(muxer)
    const onRemoteStream = muxer.onRemoteStream.bind(muxer)
    muxer.onCreateStream = () => withRareUpdates(create())
    muxer.onRemoteStream = (stream) => onRemoteStream(withRareUpdates(stream))
    return muxer
  }
  return () => factory
}

function withRareUpdates(stream: YamuxStream): YamuxStream {
  const window = stream as unknown as ReceiveWindow
  if (typeof window.recvWindow !== 'number' || typeof window.recvWindowCapacity !== 'number') {
    throw new Error('@libp2p/yamux has no receive window: check window-updates.ts against its version')
  }
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    // Before that, an update opens the stream.
    const isOpen = stream.state === StreamState.Established
    if (isOpen && 2 * window.recvWindowCapacity > window.recvWindow) return
    sendWindowUpdate()
  }
  return stream
}
