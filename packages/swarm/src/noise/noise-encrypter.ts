import { type ICryptoInterface, noise } from '@chainsafe/libp2p-noise'
import {
  type ConnectionEncrypter,
  type MessageStream,
  type SecureConnectionOptions,
  type SecuredConnection,
  serviceCapabilities,
} from '@libp2p/interface'
import { StreamClosedError } from '../host/errors.ts'
import { CipherState } from './cipher-state.ts'
import { HandshakeStream } from './handshake-stream.ts'
import { createNoiseCrypto } from './noise-crypto.ts'
import { maxWriteBytes, NoiseStream } from './noise-stream.ts'
import { SendBuffers } from './send-buffers.ts'

export interface NoiseEncrypterInit {
  /** Mixed into the handshake: who has another one can't finish it. */
  readonly prologue: Uint8Array
}

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]
type TransportKeys = readonly [initiator: Uint8Array, responder: Uint8Array]

/**
 * libp2p's Noise (`Noise_XX_25519_ChaChaPoly_SHA256`, protocol `/noise`), wire compatible with every other
 * implementation. The handshake is `@chainsafe/libp2p-noise`; the bytes after it take a path of our own, since the
 * library's costs several times what the cipher does (docs/data-plane.md).
 */
export function noiseEncrypter(
  init: NoiseEncrypterInit,
): (components: NoiseComponents) => ConnectionEncrypter {
  const crypto = createNoiseCrypto()
  const staticNoiseKey = crypto.generateX25519KeyPair().privateKey
  return (components) =>
    new NoiseEncrypter(components, { crypto, staticNoiseKey, prologueBytes: init.prologue })
}

class NoiseEncrypter implements ConnectionEncrypter {
  readonly protocol = '/noise'
  readonly [serviceCapabilities] = ['@libp2p/connection-encryption']
  readonly #sendBuffers = new SendBuffers(maxWriteBytes)
  readonly #components: NoiseComponents
  readonly #init: { crypto: ICryptoInterface; staticNoiseKey: Uint8Array; prologueBytes: Uint8Array }

  constructor(
    components: NoiseComponents,
    init: { crypto: ICryptoInterface; staticNoiseKey: Uint8Array; prologueBytes: Uint8Array },
  ) {
    this.#components = components
    this.#init = init
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
    const { crypto } = this.#init
    const library = noise({
      ...this.#init,
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
      const [initiator, responder] = keys.map((key) => new CipherState(key)) as [CipherState, CipherState]
      const isInitiator = messagesToCome === 1
      return {
        ...secured,
        connection: new NoiseStream(connection, {
          sending: isInitiator ? initiator : responder,
          receiving: isInitiator ? responder : initiator,
          sendBuffers: this.#sendBuffers,
        }),
      }
    } finally {
      stream.detach()
    }
  }
}
