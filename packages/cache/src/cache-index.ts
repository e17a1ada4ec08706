import { ChunkLayout, type Descriptor, type Digest, isDigest, type TagRecord } from '@shoal/content'
import { BlockSums } from './block-sums.ts'
import type { FileIdentity } from './foreign-files.ts'
import { IndexDatabase, type Operation } from './index-database.ts'
import {
  type BlobRow,
  blobRow,
  bytesRow,
  identityRow,
  type ManifestReferences,
  manifestRow,
  numberRow,
  tagRow,
} from './row.ts'
import { Table } from './table.ts'

/** Of SHA-256, in which every chunk is vouched for. */
export const chunkHashBytes = 32

/** By what the bytes of a complete blob are checked. */
export interface BlobProof {
  /** SHA-256 of each chunk, one after the other. */
  readonly hashes: Uint8Array
  readonly sums: BlockSums
  /** What it refers to, when it is a manifest. */
  readonly references?: ManifestReferences | undefined
}

/** A chunk that an earlier owner of a partial blob marked as held. */
export interface ChunkMark {
  readonly index: number
  /** Undefined when the row is damaged. */
  readonly hash: Uint8Array | undefined
}

/** What the cache knows, as rows of LevelDB. A row says that bytes were written, the files hold them. */
export class CacheIndex {
  readonly #db: IndexDatabase
  readonly meta: Table<number>
  /** Complete blobs. */
  readonly blobs: Table<BlobRow>
  /** Chunk hashes of complete blobs, one after the other: apart from `blobs`, so that a listing does not read them. */
  readonly hashes: Table<Uint8Array>
  /** Block sums of complete blobs, as {@link BlockSums} has them. */
  readonly sums: Table<Uint8Array>
  readonly partials: Table<BlobRow>
  /** Chunks of partial blobs: `<digest>/<index in hex>`, so those of one blob are one range in order. */
  readonly chunks: Table<Uint8Array>
  /** When a complete blob was last opened, in milliseconds since the epoch. */
  readonly uses: Table<number>
  readonly descriptors: Table<BlobRow>
  /** What each manifest refers to. Outlives the manifest's own bytes, which are a cheap thing to fetch again. */
  readonly manifests: Table<ManifestReferences>
  /** Names under which manifests were asked for by digest: `<digest>/<repository>`. */
  readonly names: Table<number>
  /** Registries that are known to have a blob: `<digest>/<registry>`. Outlives the blob's own bytes: it stays true. */
  readonly proofs: Table<number>
  /** The registry for whose clients a partial blob was begun. Written anew whenever one is. */
  readonly partialOrigins: Table<Uint8Array>
  /** Names of images that must stay; when they were pinned, in milliseconds since the epoch. */
  readonly pins: Table<number>
  readonly tags: Table<TagRecord>
  /** Files of another content store that were verified. */
  readonly foreign: Table<FileIdentity>
  /** Chunk hashes, then block sums of those. */
  readonly foreignProofs: Table<Uint8Array>

  constructor(db: IndexDatabase) {
    this.#db = db
    this.meta = new Table(db, 'meta', numberRow)
    this.blobs = new Table(db, 'blob', blobRow)
    this.hashes = new Table(db, 'hashes', bytesRow)
    this.sums = new Table(db, 'sums', bytesRow)
    this.partials = new Table(db, 'partial', blobRow)
    this.chunks = new Table(db, 'chunk', bytesRow)
    this.uses = new Table(db, 'use', numberRow)
    this.descriptors = new Table(db, 'descriptor', blobRow)
    this.manifests = new Table(db, 'manifest', manifestRow)
    this.names = new Table(db, 'name', numberRow)
    this.proofs = new Table(db, 'proof', numberRow)
    this.partialOrigins = new Table(db, 'partialorigin', bytesRow)
    this.pins = new Table(db, 'pin', numberRow)
    this.foreign = new Table(db, 'foreign', identityRow)
    this.foreignProofs = new Table(db, 'foreignproof', bytesRow)
    this.tags = new Table(db, 'tag', tagRow)
  }

  static async open(path: string): Promise<CacheIndex> {
    return new CacheIndex(await IndexDatabase.open(path))
  }

  /** Gone with the process. */
  static async inMemory(): Promise<CacheIndex> {
    return new CacheIndex(await IndexDatabase.inMemory())
  }

  /** See {@link IndexDatabase.commit}. */
  commit(operations: readonly Operation[], options?: { sync?: boolean }): Promise<void> {
    return this.#db.commit(operations, options)
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  async *listBlobs(): AsyncGenerator<Descriptor> {
    for await (const [key, row] of this.blobs.entries()) {
      if (isDigest(key) && row !== undefined) yield { digest: key, ...row }
    }
  }

  /** Chunks marked as held, in order. */
  async *marks(digest: Digest): AsyncGenerator<ChunkMark> {
    for await (const [key, hash] of this.chunks.entries(`${digest}/`)) {
      const index = key.slice(digest.length + 1)
      if (chunkIndexPattern.test(index)) yield { index: Number.parseInt(index, 16), hash }
    }
  }

  mark(digest: Digest, index: number, hash: Uint8Array): Operation {
    return this.chunks.put(chunkKey(digest, index), hash)
  }

  unmark(digest: Digest, index: number): Operation {
    return this.chunks.del(chunkKey(digest, index))
  }

  /** A blob's file is in place and verified: all that was kept while it was partial becomes one row. */
  async publish({ digest, size, mediaType }: Descriptor, proof: BlobProof): Promise<void> {
    const operations = [
      this.blobs.put(digest, { size, mediaType }),
      this.hashes.put(digest, proof.hashes),
      this.sums.put(digest, proof.sums.bytes),
    ]
    if (proof.references !== undefined) operations.push(this.manifests.put(digest, proof.references))
    await this.commit([...operations, ...(await this.#partialRows(digest))], { sync: true })
  }

  /** How to check a blob of that size; undefined when it is not known, or the rows are damaged. */
  async proofOf({ digest, size }: Descriptor): Promise<BlobProof | undefined> {
    const [hashes, sumRow] = await Promise.all([this.hashes.get(digest), this.sums.get(digest)])
    const sums = sumRow && BlockSums.fromBytes(size, sumRow)
    if (hashes?.length !== new ChunkLayout(size).count * chunkHashBytes) return undefined
    return sums && { hashes, sums }
  }

  /** A complete blob becomes a partial one, all of its chunks marked: the next owner checks each. */
  async reopenBlob({ digest, size, mediaType }: Descriptor, hashes: Uint8Array): Promise<void> {
    const marks = [...Array(hashes.length / chunkHashBytes).keys()].map((index) =>
      this.mark(digest, index, hashes.subarray(index * chunkHashBytes, (index + 1) * chunkHashBytes)),
    )
    const partial = this.partials.put(digest, { size, mediaType })
    await this.commit([...this.#blobRows(digest), partial, ...marks], { sync: true })
  }

  async removeBlob(digest: Digest): Promise<void> {
    await this.commit(this.#blobRows(digest))
  }

  async putForeign(
    { digest }: Descriptor,
    { identity, proof }: { readonly identity: FileIdentity; readonly proof: BlobProof },
  ): Promise<void> {
    const both = Buffer.concat([proof.hashes, proof.sums.bytes])
    const operations = [this.foreign.put(digest, identity), this.foreignProofs.put(digest, both)]
    if (proof.references !== undefined) operations.push(this.manifests.put(digest, proof.references))
    await this.commit(operations)
  }

  async foreignProofOf({ digest, size }: Descriptor): Promise<BlobProof | undefined> {
    const both = await this.foreignProofs.get(digest)
    if (both === undefined) return undefined
    const hashesLength = new ChunkLayout(size).count * chunkHashBytes
    const sums = BlockSums.fromBytes(size, both.subarray(hashesLength))
    return sums && { hashes: both.subarray(0, hashesLength), sums }
  }

  async removeForeign(digest: Digest): Promise<void> {
    await this.commit([this.foreign.del(digest), this.foreignProofs.del(digest)])
  }

  async removePartial(digest: Digest): Promise<void> {
    await this.commit(await this.#partialRows(digest))
  }

  #blobRows(digest: Digest): Operation[] {
    return [this.blobs, this.hashes, this.sums, this.uses].map((table) => table.del(digest))
  }

  async #partialRows(digest: Digest): Promise<Operation[]> {
    const operations = [this.partials.del(digest), this.partialOrigins.del(digest)]
    for await (const key of this.chunks.keys(`${digest}/`)) operations.push(this.chunks.del(key))
    return operations
  }
}

/** Eight hex digits keep the order of 32-bit numbers. */
const chunkIndexPattern = /^[0-9a-f]{8}$/

function chunkKey(digest: Digest, index: number): string {
  return `${digest}/${index.toString(16).padStart(8, '0')}`
}
