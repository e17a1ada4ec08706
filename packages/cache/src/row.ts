import { crc32 } from 'node:zlib'
import { type Descriptor, isDigest, type TagRecord } from '@shoal/content'
import type { FileIdentity } from './foreign-files.ts'

/** How a table's values look on disk. `decode` gives undefined for anything that `encode` did not write. */
export interface RowCodec<V> {
  encode(value: V): Uint8Array
  decode(row: Uint8Array): V | undefined
}

/** What the index keeps of a blob, under its digest. */
export type BlobRow = Omit<Descriptor, 'digest'>

/** What a manifest refers to. */
export interface ManifestReferences {
  /** Manifests of an index, with their platform as `os/architecture[/variant]`. */
  readonly manifests: readonly (Descriptor & { readonly platform?: string })[]
  /** Config and layers. */
  readonly blobs: readonly Descriptor[]
}

/** LevelDB does not check the checksums of its tables when it reads, so each row brings its own. */
const checksumBytes = 4

/** Raw bytes behind a CRC-32. */
export const bytesRow: RowCodec<Uint8Array> = {
  encode(payload) {
    const row = Buffer.allocUnsafe(checksumBytes + payload.length)
    row.writeUInt32BE(crc32(payload))
    row.set(payload, checksumBytes)
    return row
  },
  decode(row) {
    if (row.length < checksumBytes) return undefined
    const payload = row.subarray(checksumBytes)
    const checksum = new DataView(row.buffer, row.byteOffset).getUint32(0)
    return crc32(payload) === checksum ? payload : undefined
  },
}

export const numberRow = jsonRow((value) => (isCount(value) ? value : undefined))

export const blobRow = jsonRow<BlobRow>((value) => {
  if (!isObject(value) || !isCount(value.size) || typeof value.mediaType !== 'string') return undefined
  return { size: value.size, mediaType: value.mediaType }
})

export const tagRow = jsonRow<TagRecord>((value) => {
  if (!isObject(value) || !isCount(value.resolvedAt)) return undefined
  const descriptor = parseDescriptor(value.descriptor)
  // A row without the word is from before there was one: then nobody said that it is public.
  return descriptor && { descriptor, resolvedAt: value.resolvedAt, isPublic: value.isPublic === true }
})

export const manifestRow = jsonRow<ManifestReferences>((value) => {
  if (!isObject(value)) return undefined
  const manifests = parseAll(value.manifests, (entry) => {
    const descriptor = parseDescriptor(entry)
    const platform = isObject(entry) && typeof entry.platform === 'string' ? { platform: entry.platform } : {}
    return descriptor && { ...descriptor, ...platform }
  })
  const blobs = parseAll(value.blobs, parseDescriptor)
  return manifests && blobs && { manifests, blobs }
})

export const identityRow = jsonRow<FileIdentity>((value) => {
  if (!isObject(value)) return undefined
  const { size, modifiedAt, inode } = value
  if (!isCount(size) || !isCount(modifiedAt) || !isCount(inode)) return undefined
  return { size, modifiedAt, inode }
})

/** All of a list, or undefined. */
function parseAll<V>(list: unknown, parse: (entry: unknown) => V | undefined): V[] | undefined {
  if (!Array.isArray(list)) return undefined
  const parsed = list.map(parse)
  return parsed.every((entry) => entry !== undefined) ? parsed : undefined
}

function parseDescriptor(value: unknown): Descriptor | undefined {
  if (!isObject(value) || typeof value.digest !== 'string' || !isDigest(value.digest)) return undefined
  if (!isCount(value.size) || typeof value.mediaType !== 'string') return undefined
  return { digest: value.digest, size: value.size, mediaType: value.mediaType }
}

/** JSON behind a CRC-32, its shape checked by `parse`. */
function jsonRow<V>(parse: (value: unknown) => V | undefined): RowCodec<V> {
  return {
    encode: (value) => bytesRow.encode(Buffer.from(JSON.stringify(value))),
    decode(row) {
      const payload = bytesRow.decode(row)
      if (payload === undefined) return undefined
      try {
        return parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
      } catch {
        return undefined // not JSON: the row is dropped, as the caller does with any row of the wrong shape
      }
    },
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Bytes, milliseconds since the epoch: what the index counts is a whole number from 0. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
