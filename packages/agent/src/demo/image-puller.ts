import { createHash, type Hash } from 'node:crypto'
import {
  type AbortOptions,
  acceptAnyManifest,
  type Descriptor,
  type Digest,
  DigestMismatchError,
  digestAlgorithm,
  digestFromHash,
  maxManifestBytes,
  ofPlatform,
  parseDigest,
  parseManifest,
} from '@shoal/content'
import { Pool } from 'undici'
import { DemoError } from './demo-error.ts'
import { forEachOf } from './work-pool.ts'

/** What to pull, and through whose shim. */
export interface PullInit {
  /** `host:port` of the shim, or of any registry. */
  readonly registry: string
  /** The registry that the image names, as containerd tells a mirror: `?ns=`. */
  readonly namespace: string
  readonly name: string
  readonly tag: string
  /** Told of every piece of a body. */
  readonly onBytes?: (bytes: number) => void
}

/** Every byte of the image arrived and has the digest that its manifest says. */
export interface PulledImage {
  /** All bodies together. */
  readonly bytes: number
  readonly digests: readonly Digest[]
}

/** An OCI error body is shorter. */
const maxRefusalCharacters = 400
/** containerd's `max_concurrent_downloads`. */
const parallelBlobs = 3
/** The shim has watchdogs of about ten seconds; a client must outlast them to see what they do. */
const silenceMs = 30_000

/**
 * Pulls an image as containerd does: HEAD of the tag, index, this platform's manifest, then config and layers
 * three at a time. Keeps nothing but hashes every byte.
 *
 * @throws DigestMismatchError, or DemoError for an answer that is not the content
 */
export async function pullImage(init: PullInit, options: AbortOptions = {}): Promise<PulledImage> {
  const pool = new Pool(`http://${init.registry}`, {
    connections: parallelBlobs + 1,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  })
  try {
    return await new Pull(init, pool, options).run()
  } finally {
    await pool.destroy()
  }
}

class Pull {
  readonly #init: PullInit
  readonly #pool: Pool
  readonly #options: AbortOptions
  readonly #digests = new Set<Digest>()
  #bytes = 0

  constructor(init: PullInit, pool: Pool, options: AbortOptions) {
    this.#init = init
    this.#pool = pool
    this.#options = options
  }

  async run(): Promise<PulledImage> {
    const root = await this.#resolve()
    let manifest = parseManifest(await this.#manifest(root))
    const chosen = ofPlatform(manifest.manifests) ?? manifest.manifests[0]
    if (chosen !== undefined) manifest = parseManifest(await this.#manifest(chosen))
    const blobs = new Map(manifest.blobs.map((blob) => [blob.digest, blob]))
    await forEachOf(blobs.values(), parallelBlobs, (blob) => this.#blob(blob))
    return { bytes: this.#bytes, digests: [...this.#digests] }
  }

  async #resolve(): Promise<Pick<Descriptor, 'digest' | 'size'>> {
    const path = this.#path('manifests', this.#init.tag)
    const { statusCode, headers, body } = await this.#request('HEAD', path, acceptAnyManifest)
    await body.dump()
    if (statusCode !== 200) throw new DemoError(`HEAD ${path}: got status ${statusCode}, expected 200`)
    return {
      digest: parseDigest(String(headers['docker-content-digest'])),
      size: Number(headers['content-length']),
    }
  }

  async #manifest(descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<Uint8Array> {
    if (!(descriptor.size <= maxManifestBytes)) {
      throw new DemoError(`${descriptor.digest}: a manifest of ${descriptor.size} bytes`)
    }
    const pieces: Uint8Array[] = []
    const path = this.#path('manifests', descriptor.digest)
    await this.#fetch(path, descriptor, acceptAnyManifest, (piece) => pieces.push(piece))
    return Buffer.concat(pieces)
  }

  async #blob(descriptor: Descriptor): Promise<void> {
    const accept = `${descriptor.mediaType}, */*`
    await this.#fetch(this.#path('blobs', descriptor.digest), descriptor, accept, () => undefined)
  }

  /** Reads a body to its end; returns only if its bytes are those that the digest stands for. */
  async #fetch(
    path: string,
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    accept: string,
    take: (piece: Uint8Array) => void,
  ): Promise<void> {
    const { statusCode, body } = await this.#request('GET', path, accept)
    if (statusCode !== 200) {
      const why = (await body.text()).slice(0, maxRefusalCharacters)
      throw new DemoError(`GET ${path}: got status ${statusCode}, expected 200: ${why}`)
    }
    const hash: Hash = createHash(digestAlgorithm(digest))
    let length = 0
    for await (const piece of body as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > size)
        throw new DemoError(`GET ${path}: got more than the ${size} bytes that its manifest says`)
      hash.update(piece)
      take(piece)
      this.#bytes += piece.length
      this.#init.onBytes?.(piece.length)
    }
    const actual = digestFromHash(digestAlgorithm(digest), hash.digest())
    if (actual !== digest) throw new DigestMismatchError(digest, actual)
    this.#digests.add(digest)
  }

  #request(method: 'HEAD' | 'GET', path: string, accept: string) {
    // As containerd spells it; no content coding, whatever we could decode.
    const headers = { accept, 'accept-encoding': 'identity', 'user-agent': 'shoal-demo' }
    return this.#pool.request({ method, path, headers, signal: this.#options.signal ?? null })
  }

  #path(kind: 'manifests' | 'blobs', reference: string): string {
    return `/v2/${this.#init.name}/${kind}/${reference}?ns=${encodeURIComponent(this.#init.namespace)}`
  }
}
