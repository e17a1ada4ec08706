import { randomInt } from 'node:crypto'
import type {
  AbortOptions,
  ByteRange,
  ContentAddress,
  Digest,
  MetadataStore,
  Origin,
  OriginContent,
} from '@shoal/content'
import type { WantedBlob } from '../wanted-blob.ts'

/** How much of a blob is compared. Layers are compressed, so that nobody can guess it who does not have it. */
const proofBytes = 64 * 1024
/** A registry that takes longer proves nothing. Clients wait 14.5 s for a first byte, and upstream is asked afterwards. */
const proofTimeoutMs = 6_000
/**
 * Whose bytes were wrong is not asked again for this long: it must not try until it is asked for what it knows. Less when
 * it may be ours that are wrong.
 */
const refutedMs = { verified: 10 * 60_000, unverified: 10_000 }
const maxRemembered = 10_000

/** A blob as it can be read here, or at a peer. */
export interface HeldBytes {
  readonly size: number
  /** Whether they are known to be right, because the digest of the whole is. */
  readonly isVerified: boolean
  read(range: ByteRange, options: AbortOptions): Promise<Uint8Array>
}

export interface ContentProofsInit {
  readonly metadata: Pick<MetadataStore, 'isProven' | 'recordProof'>
  readonly origin: Pick<Origin, 'fetch'>
  readonly onTrouble: (error: Error) => void
}

/**
 * Which registries have which blobs. A registry that says that it has one is not believed: whoever runs one could have a
 * private blob of somebody else by its digest, out of this node's cache. It has to send bytes of it, from a place that it
 * can't foresee, and they are compared with ours.
 */
export class ContentProofs {
  readonly #init: ContentProofsInit
  /** Of what the store has, what was asked for last; and what it could not record. */
  readonly #proven = new Map<string, true>()
  /** Until when whose bytes were wrong is not asked again. */
  readonly #refuted = new Map<string, number>()
  readonly #inFlight = new Map<string, Promise<boolean>>()

  constructor(init: ContentProofsInit) {
    this.#init = init
  }

  async isProven({ digest, registry }: WantedBlob): Promise<boolean> {
    if (this.#proven.has(keyOf(digest, registry))) return true
    try {
      const isProven = await this.#init.metadata.isProven(digest, registry)
      if (isProven) remember(this.#proven, keyOf(digest, registry), true)
      return isProven
    } catch (error) {
      this.#init.onTrouble(error as Error)
      return false
    }
  }

  /** The registry has sent us all of it, or shown that it could. */
  async record({ digest, registry }: WantedBlob): Promise<void> {
    remember(this.#proven, keyOf(digest, registry), true)
    try {
      await this.#init.metadata.recordProof(digest, registry)
    } catch (error) {
      this.#init.onTrouble(error as Error)
    }
  }

  /** Whether the registry has the blob; those who ask at the same time share the answer. */
  async prove(address: ContentAddress, held: HeldBytes): Promise<boolean> {
    const { digest, repository } = address
    const { registry } = repository
    if (await this.isProven({ digest, registry })) return true
    const key = keyOf(digest, registry)
    if (performance.now() < (this.#refuted.get(key) ?? 0)) return false
    const running = this.#inFlight.get(key)
    if (running !== undefined) return await running
    const proving = this.#prove(address, held).finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, proving)
    return await proving
  }

  async #prove(address: ContentAddress, held: HeldBytes): Promise<boolean> {
    const { digest, repository } = address
    const { registry } = repository
    const isSame = await this.matches(address, held, windowOf(held.size))
    if (isSame === true) await this.record({ digest, registry })
    if (isSame === false) this.#refute(keyOf(digest, registry), held)
    return isSame === true
  }

  /** Whether the registry sends the same there; undefined when that can't be found out. */
  async matches(address: ContentAddress, held: HeldBytes, range: ByteRange): Promise<boolean | undefined> {
    const signal = AbortSignal.timeout(proofTimeoutMs)
    const ended = new AbortController()
    const options = { signal: AbortSignal.any([signal, ended.signal]) }
    try {
      const [ours, theirs] = await Promise.all([
        held.read(range, options),
        this.#init.origin.fetch(address, { ...options, range }).then((content) => partOf(content, range)),
      ])
      return Buffer.compare(ours, theirs) === 0
    } catch (error) {
      this.#init.onTrouble(error as Error)
      return undefined
    } finally {
      ended.abort()
    }
  }

  #refute(key: string, { isVerified }: HeldBytes): void {
    const forMs = isVerified ? refutedMs.verified : refutedMs.unverified
    remember(this.#refuted, key, performance.now() + forMs)
  }
}

/** Where to compare: anywhere, or all of what is small. */
export function windowOf(size: number): ByteRange {
  const start = size <= proofBytes ? 0 : randomInt(size - proofBytes + 1)
  return { start, end: Math.min(size, start + proofBytes) }
}

/** The range out of what upstream sent, which may be more: some send the whole. Less is no proof. */
async function partOf({ range: sent, body }: OriginContent, { start, end }: ByteRange): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let position = sent.start
  for await (const bytes of body) {
    const [from, to] = [Math.max(0, start - position), Math.min(bytes.length, end - position)]
    if (from < to) pieces.push(Buffer.from(bytes.subarray(from, to)))
    position += bytes.length
    if (position >= end) break
  }
  return Buffer.concat(pieces)
}

function keyOf(digest: Digest, registry: string): string {
  return `${digest} ${registry}`
}

/** The oldest goes when there are too many. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= maxRemembered) return
    map.delete(oldest)
  }
}
