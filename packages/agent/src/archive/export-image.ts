import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  type AbortOptions,
  type Descriptor,
  type Digest,
  type Manifest,
  mediaTypes,
  parseImageReference,
  parseManifest,
} from '@shoal/content'
import { Header } from 'tar'
import type { CacheControl, ImageContents } from '../cache-control/cache-control.ts'
import { systemCodeOf } from '../readable-fault.ts'
import { ArchiveError } from './archive-error.ts'
import { pathOf } from './read-oci-layout.ts'

const tarBlockBytes = 512

/** What was written. */
export interface ExportedImage {
  readonly name: string | undefined
  /** Of the manifest, or manifests when not all platforms of an index were there. */
  readonly digests: readonly Digest[]
  readonly bytes: number
}

/** Takes the files of a layout, in order. */
interface LayoutSink {
  put(path: string, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void>
  end(): Promise<void>
}

/**
 * Writes an image as an OCI image layout. Of an index of which not every platform is here, the platforms that are.
 *
 * @param to - a directory that is new or empty, a file whose name ends in `.tar`, or a stream
 * @throws ArchiveError when the image is not complete, or `to` can't be written
 */
export async function exportImage(
  control: CacheControl,
  { image, to }: { readonly image: string; readonly to: string | Writable },
  options: AbortOptions = {},
): Promise<ExportedImage> {
  const contents = await control.contents(image, options)
  const { roots, blobs } = await choose(control, contents, options)
  const sink = await openSink(to)
  const put = (path: string, text: string) =>
    sink.put(path, Buffer.byteLength(text), Readable.from([Buffer.from(text)]))
  await put('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  let bytes = 0
  for (const { digest, size } of blobs) {
    await sink.put(pathOf(digest), size, control.read(digest, options))
    bytes += size
  }
  const annotations = annotationsOf(contents.name)
  const manifests = roots.map((root) => ({ ...root, ...(annotations && { annotations }) }))
  await put('index.json', JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
  await sink.end()
  return { name: contents.name, digests: roots.map(({ digest }) => digest), bytes }
}

interface Choice {
  readonly roots: readonly Descriptor[]
  readonly blobs: Iterable<Descriptor>
}

/** The whole image when all of it is here, else the platforms that are. */
async function choose(
  control: CacheControl,
  { root, held }: ImageContents,
  options: AbortOptions,
): Promise<Choice> {
  const here = new Map(held.map((descriptor) => [descriptor.digest, descriptor]))
  const manifest = await readManifest(control, here.get(root.digest) ?? fail(root.digest), options)
  const whole = new Map<Digest, Descriptor>([[root.digest, root]])
  const complete: { readonly descriptor: Descriptor; readonly parts: readonly Descriptor[] }[] = []
  let isWhole = addAll(whole, manifest.blobs, here)
  for (const child of manifest.manifests) {
    const parts = here.has(child.digest) ? (await readManifest(control, child, options)).blobs : undefined
    const isComplete = parts?.every(({ digest }) => here.has(digest)) ?? false
    if (!isComplete || parts === undefined) isWhole = false
    else {
      complete.push({ descriptor: child, parts })
      addAll(whole, [child, ...parts], here)
    }
  }
  if (isWhole) return { roots: [root], blobs: whole.values() }
  if (complete.length === 0) throw new ArchiveError(`${root.digest} is not complete: pull it, then export it`)
  const blobs = new Map<Digest, Descriptor>()
  for (const { descriptor, parts } of complete) addAll(blobs, [descriptor, ...parts], here)
  return { roots: complete.map(({ descriptor }) => descriptor), blobs: blobs.values() }
}

/** Whether all were here. */
function addAll(
  to: Map<Digest, Descriptor>,
  parts: readonly Descriptor[],
  here: ReadonlyMap<Digest, Descriptor>,
): boolean {
  for (const part of parts) to.set(part.digest, part)
  return parts.every(({ digest }) => here.has(digest))
}

async function readManifest(
  control: CacheControl,
  { digest }: Descriptor,
  options: AbortOptions,
): Promise<Manifest> {
  return parseManifest(Buffer.concat(await Array.fromAsync(control.read(digest, options))))
}

/** containerd and Docker look for the first, others for the second. */
function annotationsOf(name: string | undefined): Record<string, string> | undefined {
  if (name === undefined) return undefined
  const { tag } = parseImageReference(name)
  if (tag === undefined) return undefined
  return { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag }
}

async function openSink(to: string | Writable): Promise<LayoutSink> {
  if (typeof to !== 'string') return new TarSink(to)
  if (!to.endsWith('.tar')) return directorySink(to)
  const draft = `${to}.part`
  const file = createWriteStream(draft)
  const sink = new TarSink(file)
  return {
    put: (...args) => sink.put(...args),
    async end() {
      await sink.end()
      await rename(draft, to)
    },
  }
}

/** The index comes last: a layout without one is seen to be unfinished. */
async function directorySink(directory: string): Promise<LayoutSink> {
  if ((await entriesOf(directory)).length > 0) {
    throw new ArchiveError(
      `${directory} is not empty: export to a new directory, or to a file that ends in .tar`,
    )
  }
  return {
    async put(path, _size, bytes) {
      const file = join(directory, path)
      await mkdir(dirname(file), { recursive: true })
      try {
        await writeFile(file, bytes)
      } catch (error) {
        await rm(file, { force: true })
        throw error
      }
    },
    async end() {
      // All is written.
    },
  }
}

class TarSink implements LayoutSink {
  readonly #output: Writable

  constructor(output: Writable) {
    this.#output = output
  }

  async put(path: string, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const header = new Header({ path, size, type: 'File', mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) })
    header.encode()
    await this.#write(async function* () {
      yield header.block ?? Buffer.alloc(0)
      yield* bytes
      yield Buffer.alloc((tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes)
    })
  }

  async end(): Promise<void> {
    await this.#write(async function* () {
      yield Buffer.alloc(2 * tarBlockBytes)
    })
    const isProcessOutput = this.#output === process.stdout
    if (!isProcessOutput) await new Promise<void>((resolve) => this.#output.end(resolve))
  }

  async #write(pieces: () => AsyncIterable<Uint8Array>): Promise<void> {
    await pipeline(pieces, this.#output, { end: false })
  }
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    throw error
  }
}

function fail(digest: Digest): never {
  throw new ArchiveError(`${digest} is not complete: pull it, then export it`)
}
