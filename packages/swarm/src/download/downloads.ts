import {
  type AbortOptions,
  type ContentAddress,
  type ContentSource,
  ContentUnavailableError,
  type Descriptor,
  type Digest,
  digestToCid,
  type OpenContent,
} from '@shoal/content'
import { ChunkSession } from '../exchange/chunk-session.ts'
import type { ServedBlob } from '../exchange/served-blob.ts'
import { type WantedBlob, wantedBlob } from '../wanted-blob.ts'
import { ContentProofs, type HeldBytes } from './content-proofs.ts'
import { ArrivingContent, storedContent } from './content-reader.ts'
import { connectedPeersAsked, Download, type DownloadComponents } from './download.ts'
import { isPassedThrough, PassThroughContent } from './pass-through.ts'

/** Peers asked for a blob's size when neither a manifest nor upstream tells it. */
const peersAskedForSize = 3
const askForSizeTimeoutMs = 2_000
const never = new AbortController().signal

interface Found {
  readonly content: OpenContent
  /** By way of which it comes; undefined for what is in the store. */
  readonly registry: string | undefined
}

/** How far a download has come. */
export interface DownloadProgress {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Bytes that are here. */
  readonly held: number
}

/**
 * All content of this node, as the shim and as peers see it: what the cache has, and one download for each blob that
 * is arriving, whatever the number of those who want it.
 */
export class Downloads implements ContentSource {
  readonly #components: DownloadComponents
  readonly #proofs: ContentProofs
  readonly #active = new Map<Digest, Promise<Download>>()
  readonly #running = new Set<Download>()
  #stopped = false

  constructor(components: Omit<DownloadComponents, 'proofs'>) {
    this.#proofs = new ContentProofs(components)
    this.#components = { ...components, proofs: this.#proofs }
  }

  /** What came by way of another registry is given out only when this one has proved that it has the same. */
  async open(address: ContentAddress, options?: AbortOptions): Promise<OpenContent> {
    const { content, registry } = await this.#open(address, options)
    if (registry === address.repository.registry) return content
    const isProven = await this.#proofs.prove(address, heldBytes(content, registry === undefined))
    if (isProven) return content
    await content.close()
    options?.signal?.throwIfAborted()
    return this.#passThrough(await this.#components.origin.describe(address, options), address)
  }

  async #open(address: ContentAddress, options?: AbortOptions): Promise<Found> {
    const arriving = await this.#arriving(address)
    if (arriving !== undefined) return arriving
    const stored = await this.#stored(address, options)
    if (stored !== undefined) return { content: stored, registry: undefined }
    options?.signal?.throwIfAborted()
    try {
      const download = await this.#downloadOf(address)
      const content = this.#contentOf(download, address)
      if (content === undefined)
        throw new ContentUnavailableError(address.digest, 'its download ended just now; ask again')
      return { content, registry: download.registry }
    } catch (error) {
      if (!isPassedThrough(error)) throw error
      this.#components.onTrouble(error)
      const content = this.#passThrough(await this.#describe(address), address)
      return { content, registry: address.repository.registry }
    }
  }

  /** What this node can serve to a peer, for clients of a registry: a blob that is arriving, or a complete one. */
  async find(digest: Digest, registry: string, options?: AbortOptions): Promise<ServedBlob | undefined> {
    const isProven = await this.#proofs.isProven({ digest, registry })
    const download = await this.#activeOf(digest)
    const arriving = download?.serve({ isOfRegistry: isProven || download.registry === registry })
    if (arriving !== undefined) return arriving
    const stored = await this.#components.blobs.open(digest, options)
    if (stored === undefined) return undefined
    return {
      source: stored,
      onLanded: () => () => undefined,
      isHeldBy: () => false,
      isOfRegistry: isProven,
      failed: never,
      release: () => stored.close(),
    }
  }

  progress(): DownloadProgress[] {
    return [...this.#running].map(({ descriptor, heldBytes }) => ({
      digest: descriptor.digest,
      size: descriptor.size,
      held: heldBytes,
    }))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const starting = await Promise.allSettled(this.#active.values())
    for (const started of starting) if (started.status === 'fulfilled') this.#running.add(started.value)
    await Promise.all([...this.#running].map((download) => download.stop()))
  }

  async #arriving(address: ContentAddress): Promise<Found | undefined> {
    const download = await this.#activeOf(address.digest)
    const content = download && this.#contentOf(download, address)
    return content && { content, registry: download.registry }
  }

  #contentOf(download: Download, address: ContentAddress): OpenContent | undefined {
    const blob = download.serve({ isOfRegistry: false }) // no peer reads it
    return blob && new ArrivingContent(download, blob, this.#passThrough(download.descriptor, address))
  }

  #passThrough(descriptor: Descriptor, address: ContentAddress): PassThroughContent {
    const { origin, onEvent } = this.#components
    return new PassThroughContent({ descriptor, address, origin, onEvent })
  }

  /** A store that can't be read is as good as an empty one. */
  async #stored(address: ContentAddress, options?: AbortOptions): Promise<OpenContent | undefined> {
    const { blobs, onEvent, onTrouble } = this.#components
    try {
      const stored = await blobs.open(address.digest, options)
      if (stored === undefined) return undefined
      return storedContent(stored, {
        onEvent,
        reopen: (error) => {
          onTrouble(error)
          return this.open(address, options)
        },
      })
    } catch (error) {
      if (!isPassedThrough(error)) throw error
      onTrouble(error)
      return undefined
    }
  }

  async #activeOf(digest: Digest): Promise<Download | undefined> {
    try {
      return await this.#active.get(digest)
    } catch {
      return undefined // whoever started it hears why it failed
    }
  }

  #downloadOf(address: ContentAddress): Promise<Download> {
    const { digest } = address
    if (this.#stopped) throw new ContentUnavailableError(digest, 'this node is stopping')
    const active = this.#active.get(digest)
    if (active !== undefined) return active
    const started = this.#start(address)
    this.#active.set(digest, started)
    started.catch(() => this.#active.delete(digest)) // whoever asked for it gets the error
    return started
  }

  async #start(address: ContentAddress): Promise<Download> {
    const descriptor = await this.#describe(address)
    const download = await Download.start(this.#components, { descriptor, address })
    this.#running.add(download)
    void download.closed.then(() => {
      this.#active.delete(address.digest)
      this.#running.delete(download)
    })
    return download
  }

  /** The size is needed before the first byte: manifests tell it, else upstream, else those who have the blob. */
  async #describe(address: ContentAddress): Promise<Descriptor> {
    const { metadata, origin } = this.#components
    const known = await metadata.getDescriptor(address.digest)
    if (known !== undefined) return known
    try {
      return await origin.describe(address)
    } catch (cause) {
      const told = await this.#askPeers(wantedBlob(address))
      if (told !== undefined) return told
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new ContentUnavailableError(address.digest, `${why}; no peer has it`, { cause })
    }
  }

  async #askPeers(wanted: WantedBlob): Promise<Descriptor | undefined> {
    const { host } = this.#components
    for await (const peer of host.discovery.find(digestToCid(wanted.digest), { limit: peersAskedForSize })) {
      const told = await this.#askPeer(peer, wanted)
      if (told !== undefined) return told
    }
    const connected = host.connectedPeers().slice(0, connectedPeersAsked)
    const answers = await Promise.all(connected.map((peer) => this.#askPeer(peer, wanted)))
    return answers.find((told) => told !== undefined)
  }

  async #askPeer(peer: string, wanted: WantedBlob): Promise<Descriptor | undefined> {
    const { host, onTrouble } = this.#components
    try {
      const signal = AbortSignal.timeout(askForSizeTimeoutMs)
      const session = await ChunkSession.open(host, peer, wanted, { signal })
      session?.close()
      return (
        session && { digest: wanted.digest, size: session.holding.size, mediaType: session.holding.mediaType }
      )
    } catch (error) {
      onTrouble(error as Error)
      return undefined
    }
  }
}

function heldBytes(content: OpenContent, isVerified: boolean): HeldBytes {
  return {
    size: content.descriptor.size,
    isVerified,
    read: async (range, options) => Buffer.concat(await Array.fromAsync(content.read(range, options))),
  }
}
