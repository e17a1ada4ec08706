import { type ICryptoInterface, noise } from '@chainsafe/libp2p-noise'
import {
  type ConnectionEncrypter,
  type MessageStream,
  type SecureConnectionOptions,
  type SecuredConnection,
  serviceCapabilities,
} from '@libp2p/interface'
import { StreamClosedError } from '../host/errors.ts'
import { BufferPool } from './buffer-pool.ts'
import { CipherState } from './cipher-state.ts'
import { type CipherSuite, chaChaPoly, cipherSuites } from './cipher-suite.ts'
import { HandshakeStream } from './handshake-stream.ts'
import { createNoiseCrypto } from './noise-crypto.ts'
import { maxWriteBytes, NoiseStream } from './noise-stream.ts'

export interface NoiseEncrypterInit {
  /** 32 bytes that are mixed into the handshake: who has others can't finish it. */
  readonly prologue: Uint8Array
  /** @default what suits the processor */
  readonly suites?: readonly CipherSuite[] | undefined
}

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]
type TransportKeys = readonly [initiator: Uint8Array, responder: Uint8Array]

interface Shared {
  readonly crypto: ICryptoInterface
  readonly staticNoiseKey: Uint8Array
  readonly sendBuffers: BufferPool
}

/**
 * Noise for libp2p, one encrypter for each suite, the best first. All shake hands as libp2p's
 * `Noise_XX_25519_ChaChaPoly_SHA256`, by `@chainsafe/libp2p-noise`; the bytes after it take a path of our own, since the
 * library's costs several times what the cipher does (docs/data-plane.md). Under `/noise` that path is wire compatible
 * with every other implementation. Under another suite's name the frames have that suite's cipher, with the keys that
 * the handshake's Split() gives; the name is in the prologue, so that both ends agree on it or get no keys.
 */
export function noiseEncrypters(
  init: NoiseEncrypterInit,
): ((components: NoiseComponents) => ConnectionEncrypter)[] {
  const crypto = createNoiseCrypto()
  const staticNoiseKey = crypto.generateX25519KeyPair().privateKey
  const shared: Shared = { crypto, staticNoiseKey, sendBuffers: new BufferPool(maxWriteBytes) }
  return (init.suites ?? cipherSuites()).map((suite) => {
    const prologue =
      suite === chaChaPoly ? init.prologue : Buffer.concat([init.prologue, Buffer.from(suite.protocol)])
    return (components) => new NoiseEncrypter(components, { suite, prologue }, shared)
  })
}

class NoiseEncrypter implements ConnectionEncrypter {
  readonly protocol: string
  readonly [serviceCapabilities] = ['@libp2p/connection-encryption']
  readonly #components: NoiseComponents
  readonly #suite: CipherSuite
  readonly #prologue: Uint8Array
  readonly #shared: Shared

  constructor(
    components: NoiseComponents,
    { suite, prologue }: { suite: CipherSuite; prologue: Uint8Array },
    shared: Shared,
  ) {
    this.protocol = suite.protocol
    this.#components = components
    this.#suite = suite
    this.#prologue = prologue
    this.#shared = shared
  }

  async secureOutbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    // XX: -> e, <- e ee s es, -> s se
    return await this.#secure(connection, 1, (library, stream) => library.secureOutbound(stream, options))
  }

  async secureInbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return await this.#secure(connection, 2, (library, stream) => library.secureInbound(stream, options))
  }

  async #secure(
    connection: MessageStream,
    messagesToCome: 1 | 2,
    shakeHands: (library: ConnectionEncrypter, stream: MessageStream) => Promise<SecuredConnection>,
  ): Promise<SecuredConnection> {
    let keys: TransportKeys | undefined
    const { crypto, staticNoiseKey, sendBuffers } = this.#shared
    const library = noise({
      staticNoiseKey,
      prologueBytes: this.#prologue,
      crypto: {
        ...crypto,
        getHKDF: (chainingKey, input) => {
          const output = crypto.getHKDF(chainingKey, input)
          // Noise's Split(), and nothing else, has no input; what comes out are the keys of both directions.
          if (input.byteLength === 0) keys = [output[0], output[1]]
          return output
        },
      },
    })(this.#components)
    const stream = new HandshakeStream(connection, messagesToCome)
    try {
      const secured = await shakeHands(library, stream)
      if (keys === undefined) throw new Error('the handshake gave no keys')
      if (connection.status !== 'open')
        throw new StreamClosedError('the connection closed after the handshake')
      const initiator = new CipherState(this.#suite, keys[0])
      const responder = new CipherState(this.#suite, keys[1])
      const isInitiator = messagesToCome === 1
      return {
        ...secured,
        connection: new NoiseStream(connection, {
          sending: isInitiator ? initiator : responder,
          receiving: isInitiator ? responder : initiator,
          sendBuffers,
        }),
      }
    } finally {
      stream.detach()
    }
  }
}
