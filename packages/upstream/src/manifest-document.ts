import { createHash } from 'node:crypto'
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestFromHash,
  isDigest,
  maxManifestBytes,
} from '@shoal/content'
import { mediaType, single } from './answer-headers.ts'
import { readDocument } from './body.ts'
import type { HttpAnswer } from './http-client.ts'
import { malformed, type Subject } from './subject.ts'

export interface ManifestDocumentInit {
  readonly subject: Subject
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** What it was asked for by, if that was a digest. */
  readonly expected?: Digest | undefined
}

/** A manifest, and what it is: the digest is that of these bytes. */
export interface ManifestDocument {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/**
 * Reads the answer to a GET of a manifest.
 *
 * @throws OriginError `malformed` when it is larger than clients take, or is not what the registry says that it is
 */
export async function readManifest(
  answer: HttpAnswer,
  init: ManifestDocumentInit,
): Promise<ManifestDocument> {
  const { subject, timeoutMs, expected } = init
  const bytes = await readDocument(answer, { maxBytes: maxManifestBytes, timeoutMs }, init)
  const claimed = expected ?? headerDigest(answer, subject)
  const algorithm = claimed === undefined ? 'sha256' : digestAlgorithm(claimed)
  const digest = digestFromHash(algorithm, createHash(algorithm).update(bytes).digest())
  if (claimed !== undefined && digest !== claimed) {
    throw malformed(subject, `content whose digest is ${digest} for ${claimed}`)
  }
  return { descriptor: { digest, size: bytes.length, mediaType: mediaType(answer.headers) }, bytes }
}

/**
 * What the registry says that the digest is, if it does.
 *
 * @throws OriginError `malformed` when that is no digest
 */
export function headerDigest({ headers }: HttpAnswer, subject: Subject): Digest | undefined {
  const text = single(headers, 'docker-content-digest')
  if (text === undefined || isDigest(text)) return text
  throw malformed(subject, `Docker-Content-Digest ${JSON.stringify(text.slice(0, 160))}, which is no digest`)
}
