import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Descriptor, digestFromHash, digestHex, mediaTypes } from '@shoal/content'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import { createLogger, type Logger } from '../dist/logging.js'

/** A directory that goes when the test ends. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-agent-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Writes files under a directory; returns it. */
export async function writeTree(
  directory: string,
  files: Record<string, string | Uint8Array>,
): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  return directory
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A logger whose lines can be looked at. */
export function recordingLogger(level = 'trace'): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  return { log: createLogger(level, { write: (line) => lines.push(JSON.parse(line)) }), lines }
}

export const silent: Logger = pino({ level: 'silent' })

export interface TestImage {
  readonly directory: string
  readonly index: Descriptor
  readonly manifest: Descriptor
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** An OCI layout with an index, a manifest for this machine's platform, and the given layers. */
export async function writeLayout(directory: string, contents: readonly Uint8Array[]): Promise<TestImage> {
  const put = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => {
    const digest = digestFromHash('sha256', createHash('sha256').update(bytes).digest())
    await writeTree(directory, { [`blobs/sha256/${digestHex(digest)}`]: bytes })
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown, mediaType: string) => put(Buffer.from(JSON.stringify(value)), mediaType)
  const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const layers = await Promise.all(contents.map((bytes) => put(bytes, layerType)))
  const config = await json({ rootfs: { type: 'layers' } }, 'application/vnd.oci.image.config.v1+json')
  const manifest = await json(
    { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers },
    mediaTypes.ociManifest,
  )
  const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }
  const index = await json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...manifest, platform }] },
    mediaTypes.ociIndex,
  )
  await writeTree(directory, { 'index.json': JSON.stringify({ schemaVersion: 2, manifests: [index] }) })
  return { directory, index, manifest, config, layers }
}

/** Bytes that don't repeat, the same for the same seed. */
export function someBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}
