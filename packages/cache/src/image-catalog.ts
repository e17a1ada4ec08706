import {
  type Descriptor,
  type Digest,
  formatImageReference,
  type ImageReference,
  InvalidInputError,
  isDigest,
  parseImageReference,
} from '@shoal/content'
import type { CacheIndex } from './cache-index.ts'
import { type ImageContent, ImageGraph, type NamedImage } from './image-graph.ts'
import type { Operation } from './index-database.ts'
import { tagOf } from './metadata-store.ts'
import type { Residents } from './residents.ts'
import type { ManifestReferences } from './row.ts'

/** An image of which something is in the cache, or that is pinned. */
export interface CachedImage extends ImageContent {
  /** `docker.io/library/nginx:1.29`; undefined for a manifest that nobody named. */
  readonly name: string | undefined
  /** Of the manifest or index; undefined for a name that was pinned before it was pulled. */
  readonly digest: Digest | undefined
  readonly mediaType: string | undefined
  readonly pinned: boolean
  /** Of any of its blobs, in milliseconds since the epoch; undefined when none was ever used. */
  readonly lastUsedAt: number | undefined
}

/** What a clean-up freed. */
export interface Freed {
  readonly blobs: number
  readonly bytes: number
}

export interface ImageCatalogComponents {
  readonly index: CacheIndex
  readonly residents: Residents
  /** A complete blob, wherever it is; undefined when there is none. */
  readonly find: (digest: Digest) => Descriptor | undefined
  readonly now: () => number
  /** Removes complete and abandoned partial blobs, but for those in use; what that freed. */
  readonly remove: (digests: Iterable<Digest>) => Promise<Freed>
}

interface Catalog {
  readonly graph: ImageGraph
  readonly images: readonly NamedImage[]
  /** Pinned names that stand for nothing yet. */
  readonly awaited: readonly string[]
}

/** The images that the blobs of the cache make up, by their names. */
export class ImageCatalog {
  readonly #components: ImageCatalogComponents

  constructor(components: ImageCatalogComponents) {
    this.#components = components
  }

  /** The most recently used first. A manifest by itself counts, when no image refers to it. */
  async list(): Promise<CachedImage[]> {
    const { graph, images, awaited } = await this.#load()
    const { find } = this.#components
    const listed = images
      .map((image) => this.#describe(graph, image))
      .filter(({ held, pinned }) => held > 0 || pinned)
    const named = graph.reachable(images.map(({ root }) => root.digest))
    const nameless: CachedImage[] = []
    for (const digest of graph.manifests()) {
      const root = find(digest)
      if (root === undefined || named.has(digest)) continue
      nameless.push(this.#describe(graph, { name: undefined, root, pinned: false }))
    }
    const inOthers = graph.reachable(
      nameless.flatMap(({ digest }) => (digest === undefined ? [] : [...this.#below(graph, digest)])),
    )
    const tops = nameless.filter(({ digest }) => digest !== undefined && !inOthers.has(digest))
    return [...listed, ...tops, ...awaited.map(awaitedImage)].sort(
      (a, b) => (b.lastUsedAt ?? 0) - (a.lastUsedAt ?? 0),
    )
  }

  /**
   * Keeps an image whatever else comes in. The name is kept, not what it stands for: when its tag moves, the next
   * pull is what stays.
   *
   * @returns whether there is such an image already
   */
  async pin(reference: ImageReference): Promise<boolean> {
    const { index, now } = this.#components
    const name = formatImageReference(reference)
    await index.commit([index.pins.put(name, now())], { sync: true })
    return (await this.#load()).images.some((image) => image.name === name)
  }

  /** @throws InvalidInputError `IMAGE_NOT_PINNED` */
  async unpin(reference: ImageReference): Promise<void> {
    const { index } = this.#components
    const name = formatImageReference(reference)
    if ((await index.pins.get(name)) === undefined) {
      throw new InvalidInputError('IMAGE_NOT_PINNED', `${name} is not pinned`)
    }
    await index.commit([index.pins.del(name)], { sync: true })
  }

  /**
   * Forgets an image and removes what no other needs.
   *
   * @param image - a reference, or the digest of its manifest with whatever names that has
   * @throws InvalidInputError `IMAGE_UNKNOWN`, `IMAGE_PINNED`
   */
  async remove(image: ImageReference | Digest): Promise<Freed> {
    const { index } = this.#components
    const { graph, images } = await this.#load()
    const isMeant = this.#matcher(image)
    const meant = images.filter(isMeant)
    const roots = new Set(meant.map(({ root }) => root.digest))
    if (typeof image === 'string' && this.#components.find(image) !== undefined) roots.add(image)
    if (roots.size === 0) throw unknown(image)
    const pinned = meant.find((each) => each.pinned)
    if (pinned !== undefined) {
      throw new InvalidInputError('IMAGE_PINNED', `${pinned.name} is pinned: unpin it first`)
    }
    await index.commit(meant.flatMap(({ name, root }) => this.#forget(name, root.digest)))
    const kept = graph.reachable(images.filter((each) => !isMeant(each)).map(({ root }) => root.digest))
    const gone = [...graph.reachable(roots)].filter((digest) => !kept.has(digest))
    const freed = await this.#components.remove(gone)
    await index.commit(gone.map((digest) => index.manifests.del(digest)))
    return freed
  }

  /** Removes what no named image refers to, and forgets names of which nothing is left. */
  async collect(): Promise<Freed> {
    const { index, residents } = this.#components
    const { graph, images } = await this.#load()
    const kept = graph.reachable(images.map(({ root }) => root.digest))
    const freed = await this.#components.remove(residents.digests().filter((digest) => !kept.has(digest)))
    const forgotten = images.filter((image) => !image.pinned && this.#describe(graph, image).held === 0)
    const rows: Operation[] = forgotten.flatMap(({ name, root }) => this.#forget(name, root.digest))
    for (const digest of graph.manifests()) if (!kept.has(digest)) rows.push(index.manifests.del(digest))
    for await (const key of index.descriptors.keys()) {
      if (!isDigest(key) || !kept.has(key)) rows.push(index.descriptors.del(key))
    }
    for await (const key of index.proofs.keys()) {
      const [digest = ''] = key.split('/', 1)
      if (!isDigest(digest) || !kept.has(digest)) rows.push(index.proofs.del(key))
    }
    for await (const key of index.tags.keys()) {
      const [, , tag = ''] = parseKey(key)
      if (isDigest(tag) && !kept.has(tag)) rows.push(index.tags.del(key))
    }
    await index.commit(rows)
    return freed
  }

  /** Digests of all that pinned images consist of. */
  async pinned(): Promise<ReadonlySet<Digest>> {
    for await (const _ of this.#components.index.pins.keys()) {
      const { graph, images } = await this.#load()
      return graph.reachable(images.filter(({ pinned }) => pinned).map(({ root }) => root.digest))
    }
    return new Set()
  }

  /** @throws InvalidInputError `IMAGE_UNKNOWN` */
  async find(image: ImageReference | Digest): Promise<CachedImage> {
    const { graph, images } = await this.#load()
    const found = images.find(this.#matcher(image))
    if (found !== undefined) return this.#describe(graph, found)
    const root = typeof image === 'string' ? this.#components.find(image) : undefined
    if (root === undefined) throw unknown(image)
    return this.#describe(graph, { name: undefined, root, pinned: false })
  }

  /** Digests of everything that an image consists of as far as is known, the manifest first. */
  async partsOf(root: Digest): Promise<Digest[]> {
    return [...(await this.#load()).graph.reachable([root])]
  }

  #matcher(image: ImageReference | Digest): (named: NamedImage) => boolean {
    if (typeof image === 'string') return ({ root }) => root.digest === image
    const wanted = formatImageReference(image)
    return ({ name }) => name === wanted
  }

  #describe(graph: ImageGraph, image: Omit<NamedImage, 'name'> & { name: string | undefined }): CachedImage {
    const { residents, find } = this.#components
    const { root, name, pinned } = image
    const content = graph.contentOf(root, (digest) => find(digest) !== undefined)
    const uses = [...graph.reachable([root.digest])].map((digest) => residents.lastUsedAt(digest))
    const lastUsedAt = uses.reduce((latest, at) => Math.max(latest, at), 0)
    const used = { lastUsedAt: lastUsedAt === 0 ? undefined : lastUsedAt }
    return { name, digest: root.digest, mediaType: root.mediaType, pinned, ...content, ...used }
  }

  *#below(graph: ImageGraph, digest: Digest): Generator<Digest> {
    for (const reached of graph.reachable([digest])) if (reached !== digest) yield reached
  }

  #forget(name: string, root: Digest): Operation[] {
    const { index } = this.#components
    const reference = parseImageReference(name)
    if (reference.tag !== undefined) return [index.tags.del(tagOf(reference, reference.tag))]
    return [index.names.del(`${root}/${reference.registry}/${reference.name}`)]
  }

  async #load(): Promise<Catalog> {
    const { index } = this.#components
    const references = new Map<Digest, ManifestReferences>()
    for await (const [key, row] of index.manifests.entries()) {
      if (isDigest(key) && row !== undefined) references.set(key, row)
    }
    const graph = new ImageGraph(references)
    const pins = new Set<string>()
    for await (const name of index.pins.keys()) pins.add(name)
    const images = [...(await this.#tagged(pins)), ...(await this.#byDigest(pins))]
    const names = new Set(images.map(({ name }) => name))
    const awaited = [...pins].filter((name) => !names.has(name))
    return { graph, images: withoutParts(graph, images), awaited }
  }

  async #tagged(pins: ReadonlySet<string>): Promise<NamedImage[]> {
    const images: NamedImage[] = []
    for await (const [key, record] of this.#components.index.tags.entries()) {
      const [registry, name, tag] = parseKey(key)
      if (record === undefined || registry === undefined || name === undefined || tag === undefined) continue
      if (isDigest(tag)) continue // resolved by digest: `names` has it
      const text = formatImageReference({ registry, name, tag })
      images.push({ name: text, root: record.descriptor, pinned: pins.has(text) })
    }
    return images
  }

  async #byDigest(pins: ReadonlySet<string>): Promise<NamedImage[]> {
    const { index, find } = this.#components
    const images: NamedImage[] = []
    for await (const key of index.names.keys()) {
      const [digest = '', registry = '', ...name] = key.split('/')
      if (!isDigest(digest)) continue
      const known = find(digest) ?? (await index.descriptors.get(digest))
      const root = { digest, size: known?.size ?? 0, mediaType: known?.mediaType ?? '' }
      const text = formatImageReference({ registry, name: name.join('/'), digest })
      images.push({ name: text, root, pinned: pins.has(text) })
    }
    return images
  }
}

/** A platform's manifest is asked for by digest too: it is a part of the image that was asked for by name. */
function withoutParts(graph: ImageGraph, images: readonly NamedImage[]): NamedImage[] {
  const repositoryOf = ({ name }: NamedImage) => {
    const { registry, name: path } = parseImageReference(name)
    return `${registry}/${path}`
  }
  const below = new Map<string, Set<Digest>>()
  for (const image of images) {
    const repository = repositoryOf(image)
    const parts = below.get(repository) ?? new Set()
    below.set(repository, parts)
    for (const digest of graph.reachable([image.root.digest])) {
      if (digest !== image.root.digest || !image.name.includes('@')) parts.add(digest)
    }
  }
  return images.filter((image) => {
    if (image.pinned || !image.name.includes('@')) return true
    return !below.get(repositoryOf(image))?.has(image.root.digest)
  })
}

function awaitedImage(name: string): CachedImage {
  const nothing = { size: 0, held: 0, complete: false, platforms: [] }
  return { name, digest: undefined, mediaType: undefined, pinned: true, lastUsedAt: undefined, ...nothing }
}

function parseKey(key: string): (string | undefined)[] {
  try {
    const parts: unknown = JSON.parse(key)
    return Array.isArray(parts) ? parts.map((part) => (typeof part === 'string' ? part : undefined)) : []
  } catch {
    return [] // not a key of ours
  }
}

function unknown(image: ImageReference | Digest): InvalidInputError {
  const name = typeof image === 'string' ? image : formatImageReference(image)
  return new InvalidInputError('IMAGE_UNKNOWN', `${name} is not in the cache; shoal cache ls tells what is`)
}
