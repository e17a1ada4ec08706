import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  type Manifest,
  maxManifestBytes,
  ofPlatform,
  parseManifest,
} from '@shoal/content'
import { readTextFile } from '../config/text-file.ts'
import { readableFault } from '../readable-fault.ts'
import { DemoError } from './demo-error.ts'

/** An OCI image layout on disk, and one image in it. */
export interface OciLayout {
  /** What the tag stands for: an index, or a manifest. */
  readonly root: Descriptor
  /** The index and manifests that it has, by digest; everything else is a blob. */
  readonly manifests: ReadonlyMap<Digest, Descriptor>
  /** What a client of this platform pulls: index, manifest, config and layers; each digest once. */
  readonly pulled: readonly Descriptor[]
  /** Where the content with this digest is, whether or not it is there. */
  pathOf(digest: Digest): string
}

/** Bytes that a client of this platform pulls. */
export function imageBytes({ pulled }: OciLayout): number {
  return pulled.reduce((sum, { size }) => sum + size, 0)
}

/**
 * Opens a layout and follows its first entry down to the blobs of this platform.
 *
 * @throws DemoError when it is not a layout, or content of the image is missing or has the wrong size
 */
export async function openLayout(directory: string): Promise<OciLayout> {
  const pathOf = (digest: Digest) => join(directory, 'blobs', digestAlgorithm(digest), digestHex(digest))
  const read = async (descriptor: Descriptor): Promise<Manifest> => {
    await assertThere(pathOf(descriptor.digest), descriptor)
    return parse(await readFile(pathOf(descriptor.digest)), descriptor.digest)
  }

  const root = await rootOf(directory)
  const top = await read(root)
  const chosen = ofPlatform(top.manifests) ?? top.manifests[0]
  const manifest = chosen === undefined ? top : await read(chosen)
  for (const blob of manifest.blobs) await assertThere(pathOf(blob.digest), blob)

  const manifests = new Map([root, ...top.manifests].map((descriptor) => [descriptor.digest, descriptor]))
  const parts = [root, ...(chosen === undefined ? [] : [chosen]), ...manifest.blobs]
  const pulled = [...new Map(parts.map((descriptor) => [descriptor.digest, descriptor])).values()]
  return { root, manifests, pulled, pathOf }
}

async function rootOf(directory: string): Promise<Descriptor> {
  const path = join(directory, 'index.json')
  const file = await readTextFile(path, maxManifestBytes)
  if ('problem' in file) throw new DemoError(`${directory} is no OCI image layout: ${file.problem}`)
  const [root] = parse(Buffer.from(file.text), path).manifests
  if (root === undefined) throw new DemoError(`${directory} has no image: its index.json names none`)
  return root
}

function parse(bytes: Uint8Array, name: string): Manifest {
  try {
    return parseManifest(bytes)
  } catch (cause) {
    throw new DemoError(`${name}: ${readableFault(cause)}`, { cause })
  }
}

async function assertThere(path: string, { size }: Descriptor): Promise<void> {
  try {
    const found = await stat(path)
    if (found.size === size) return
    throw new DemoError(`the image is broken: ${path} has ${found.size} bytes, its manifest says ${size}`)
  } catch (cause) {
    if (cause instanceof DemoError) throw cause
    throw new DemoError(`the image is not complete: ${path}: ${readableFault(cause)}`, { cause })
  }
}
