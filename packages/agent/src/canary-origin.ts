import { createHash } from 'node:crypto'
import {
  type ContentAddress,
  type Descriptor,
  type Digest,
  digestFromHash,
  isCanaryName,
  mediaTypes,
  OriginError,
  ociArchitecture,
  type Repository,
} from '@shoal/content'
import type { RunningOrigin } from '@shoal/upstream'
import { Header } from 'tar'

/** Installs send one for each runtime and registry. */
const maxRemembered = 256
/** As one entry of a tar file, and as the zeros at its end. */
const blockBytes = 512

/** An origin in full: what it lets whom read, and what it takes. Whoever made it stops it. */
export type AccessibleOrigin = Omit<RunningOrigin, 'stop'>

/** The canaries that were asked for by tag lately, as runtimes do it. */
export class CanaryLog {
  readonly #seen = new Map<string, Repository>()

  record(repository: Repository): void {
    this.#seen.set(`${repository.registry}/${repository.name}`, repository)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > maxRemembered && oldest !== undefined) this.#seen.delete(oldest)
  }

  list(): readonly Repository[] {
    return [...this.#seen.values()]
  }
}

/**
 * An origin that makes up an image for every name that `shoal install` tries a runtime with, of whatever registry,
 * and asks the real one for the rest. No pull of such a name leaves the node, and one that does come here has come
 * through the shim.
 */
export function withCanaries(origin: AccessibleOrigin, log: CanaryLog): AccessibleOrigin {
  return {
    async resolve(repository, tag, options) {
      if (!isCanaryName(repository.name)) return await origin.resolve(repository, tag, options)
      log.record(repository)
      return descriptorOf(createCanary(repository.name).manifest)
    },
    async describe(address, options) {
      if (!isCanaryName(address.repository.name)) return await origin.describe(address, options)
      return descriptorOf(findPart(address))
    },
    async fetch(address, options) {
      if (!isCanaryName(address.repository.name)) return await origin.fetch(address, options)
      const { bytes, mediaType } = findPart(address)
      const size = bytes.length
      const { start, end } = options?.range ?? { start: 0, end: size }
      return { size, mediaType, range: { start, end }, body: once(bytes.subarray(start, end)) }
    },
    listTags: (...args) => origin.listTags(...args),
    listReferrers: (...args) => origin.listReferrers(...args),
    push: origin.push,
    access: {
      isPublic: async (repository, ...rest) =>
        isCanaryName(repository.name)
          ? { isAllowed: true }
          : await origin.access.isPublic(repository, ...rest),
      admit: (...args) => origin.access.admit(...args),
    },
  }
}

interface Part {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Buffer
}

interface Canary {
  readonly manifest: Part
  readonly config: Part
  readonly layer: Part
}

/** An image of this node's platform with one small file; always the same for one name. */
function createCanary(name: string): Canary {
  const layer = partOf('application/vnd.oci.image.layer.v1.tar', tarOf('canary', Buffer.from(`${name}\n`)))
  const config = jsonPart('application/vnd.oci.image.config.v1+json', {
    architecture: ociArchitecture(),
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = jsonPart(mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptorOf(config),
    layers: [descriptorOf(layer)],
  })
  return { manifest, config, layer }
}

function tarOf(path: string, content: Buffer): Buffer {
  const header = Buffer.alloc(blockBytes)
  new Header({
    path,
    mode: 0o444,
    size: content.length,
    type: 'File',
    mtime: new Date(0),
    uid: 0,
    gid: 0,
  }).encode(header)
  const padded = Buffer.alloc(Math.ceil(content.length / blockBytes) * blockBytes)
  content.copy(padded)
  return Buffer.concat([header, padded, Buffer.alloc(2 * blockBytes)])
}

function findPart({ repository, digest }: ContentAddress): Part {
  const { manifest, config, layer } = createCanary(repository.name)
  const part = [manifest, config, layer].find((other) => other.digest === digest)
  if (part === undefined) throw new OriginError('not-found', `the canary ${repository.name} has no ${digest}`)
  return part
}

function jsonPart(mediaType: string, value: unknown): Part {
  return partOf(mediaType, Buffer.from(JSON.stringify(value)))
}

function partOf(mediaType: string, bytes: Buffer): Part {
  return { mediaType, bytes, digest: digestFromHash('sha256', createHash('sha256').update(bytes).digest()) }
}

function descriptorOf({ mediaType, digest, bytes }: Part): Descriptor {
  return { mediaType, digest, size: bytes.length }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
