import { InvalidInputError } from './errors.ts'

/** Hash algorithms that a digest may name, with the length of their hex form. */
const hexLengths = { sha256: 64, sha512: 128 } as const

export type DigestAlgorithm = keyof typeof hexLengths

/** A well-formed OCI digest, such as `sha256:e3b0…`. Only {@link parseDigest} and friends make one. */
export type Digest = string & { readonly __brand: 'Digest' }

/**
 * Reads an OCI content digest. Registered algorithms only, lower-case hex only.
 *
 * @throws InvalidInputError `DIGEST_INVALID`
 */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, Math.max(colon, 0))
  if (!isAlgorithm(algorithm)) {
    throw new InvalidInputError(
      'DIGEST_INVALID',
      `malformed digest ${quote(text)}: expected sha256:<64 hex digits> or sha512:<128 hex digits>`,
    )
  }
  const hex = text.slice(colon + 1)
  if (hex.length !== hexLengths[algorithm] || !/^[0-9a-f]+$/.test(hex)) {
    throw new InvalidInputError(
      'DIGEST_INVALID',
      `malformed digest ${quote(text)}: ${algorithm} takes ${hexLengths[algorithm]} lower-case hex digits`,
    )
  }
  return text as Digest
}

export function isDigest(text: string): text is Digest {
  try {
    parseDigest(text)
    return true
  } catch {
    return false // the question was whether it parses
  }
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/**
 * Makes a digest from the bytes of a hash.
 *
 * @throws InvalidInputError `DIGEST_INVALID` when the hash has the wrong length
 */
export function digestFromHash(algorithm: DigestAlgorithm, hash: Uint8Array): Digest {
  return parseDigest(`${algorithm}:${Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex')}`)
}

function isAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(hexLengths, text)
}

/** A hostile name must not fill the log. */
function quote(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text)
}
