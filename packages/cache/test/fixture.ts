import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ChunkLayout,
  type Descriptor,
  type DigestAlgorithm,
  digestFromHash,
  mediaTypes,
  type PartialBlob,
  parseImageReference,
} from '@shoal/content'
import type { ExecutionContext } from 'ava'
import { Level } from 'level'
import { type Cache, type CacheInit, openCache } from '../dist/index.js'

export const chunkLength = 256 * 1024

/** A blob made up for a test. */
export interface TestBlob {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  readonly layout: ChunkLayout
  chunk(index: number): Buffer
  hash(index: number): Buffer
}

/** The same content for the same seed. */
export function makeBlob(size: number, seed = 'a', algorithm: DigestAlgorithm = 'sha256'): TestBlob {
  const bytes = createHash('shake128', { outputLength: size }).update(seed).digest()
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const digest = digestFromHash(algorithm, createHash(algorithm).update(bytes).digest())
  const { layout, chunk, hash } = blobOf(bytes, mediaType)
  return { descriptor: { digest, size, mediaType }, bytes, layout, chunk, hash }
}

/** The blob with these bytes. */
export function blobOf(bytes: Buffer, mediaType: string): TestBlob {
  const layout = new ChunkLayout(bytes.length)
  const digest = digestFromHash('sha256', sha256(bytes))
  const chunk = (index: number): Buffer => {
    const { start, end } = layout.rangeOf(index)
    return bytes.subarray(start, end)
  }
  const descriptor = { digest, size: bytes.length, mediaType }
  return { descriptor, bytes, layout, chunk, hash: (index) => sha256(chunk(index)) }
}

/** An image made up for a test. */
export interface TestImage {
  readonly manifest: TestBlob
  readonly config: TestBlob
  readonly layers: readonly TestBlob[]
  /** All of them. */
  readonly blobs: readonly TestBlob[]
  /** Bytes of all of them. */
  readonly size: number
  /** Gives it a name, whether or not it is there. */
  name(cache: Cache, name: string): Promise<void>
  /** Stores all of it under a name, as a pull does. */
  store(cache: Cache, name: string): Promise<void>
}

export function makeImage(layers: readonly TestBlob[]): TestImage {
  const diffIds = layers.map(({ descriptor }) => descriptor.digest)
  const configText = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  })
  const config = blobOf(Buffer.from(configText), 'application/vnd.oci.image.config.v1+json')
  const manifestText = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  })
  const manifest = blobOf(Buffer.from(manifestText), mediaTypes.ociManifest)
  const blobs = [manifest, config, ...layers]
  const name = async (cache: Cache, text: string): Promise<void> => {
    const { tag = '', ...repository } = parseImageReference(text)
    const record = { descriptor: manifest.descriptor, resolvedAt: 1, isPublic: true }
    await cache.metadata.putTag(repository, tag, record)
  }
  return {
    manifest,
    config,
    layers,
    blobs,
    size: blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    name,
    async store(cache, text) {
      await name(cache, text)
      for (const blob of blobs) await store(cache, blob)
    },
  }
}

/** Waits for something that happens in the background. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

export function count(blob: TestBlob): number[] {
  return [...Array(blob.layout.count).keys()]
}

/** A directory that is removed after the test. */
export async function makeDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-cache-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A cache that is stopped after the test. */
export async function open(
  t: ExecutionContext,
  dataDir: string,
  init?: Omit<CacheInit, 'dataDir'>,
): Promise<Cache> {
  const cache = await openCache({ dataDir, ...init })
  t.teardown(() => cache.stop())
  return cache
}

/** A cache in a new directory, and where its things are. */
export async function makeCache(t: ExecutionContext): Promise<{ cache: Cache; dataDir: string }> {
  const dataDir = join(await makeDirectory(t), 'data')
  return { cache: await open(t, dataDir), dataDir }
}

export function fill(
  partial: PartialBlob,
  blob: TestBlob,
  indexes: Iterable<number> = count(blob),
): Promise<unknown> {
  return Promise.all([...indexes].map((index) => partial.write(index, blob.chunk(index), blob.hash(index))))
}

/** Stores a complete blob. */
export async function store(cache: Cache, blob: TestBlob): Promise<void> {
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await partial.complete()
  await partial.close()
}

/** Leaves a partial blob with these chunks. */
export async function leavePartial(cache: Cache, blob: TestBlob, indexes: Iterable<number>): Promise<void> {
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, indexes)
  await partial.close()
}

/** All bytes of a complete blob, or undefined when the cache does not have it. */
export async function load(cache: Cache, blob: TestBlob): Promise<Buffer | undefined> {
  const stored = await cache.blobs.open(blob.descriptor.digest)
  if (stored === undefined) return undefined
  const pieces = await Array.fromAsync(stored.stream())
  await stored.close()
  return Buffer.concat(pieces)
}

export function fileOf(dataDir: string, kind: 'blobs' | 'partial', { descriptor }: TestBlob): string {
  return join(dataDir, kind, ...descriptor.digest.split(':'))
}

/** Files below a directory that this process holds open. */
export async function openFilesBelow(directory: string): Promise<string[]> {
  const targets = await Promise.all(
    (await readdir('/proc/self/fd')).map(async (fd) => {
      const [target] = await Promise.allSettled([readlink(`/proc/self/fd/${fd}`)])
      return target.status === 'fulfilled' ? target.value : '' // closed since the listing
    }),
  )
  return targets.filter((target) => target.startsWith(directory))
}

/** Does to the index of a stopped cache what no cache does. */
export async function changeIndex(
  dataDir: string,
  change: (db: Level<string, Uint8Array>) => Promise<void>,
): Promise<void> {
  const db = new Level<string, Uint8Array>(join(dataDir, 'index'), { valueEncoding: 'view' })
  await db.open()
  await change(db)
  await db.close()
}
