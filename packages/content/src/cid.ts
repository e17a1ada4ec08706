import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as multihash from 'multiformats/hashes/digest'
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestFromHash, digestHex } from './digest.ts'
import { InvalidInputError } from './errors.ts'

/** Multicodec codes, from https://github.com/multiformats/multicodec/blob/master/table.csv */
const multihashCodes = { sha256: 0x12, sha512: 0x13 } as const satisfies Record<DigestAlgorithm, number>

/** The CIDv1 (raw, the digest's own multihash) under which a blob is announced in the DHT. */
export function digestToCid(digest: Digest): CID {
  const hash = Uint8Array.from(Buffer.from(digestHex(digest), 'hex'))
  return CID.createV1(raw.code, multihash.create(multihashCodes[digestAlgorithm(digest)], hash))
}

/**
 * The digest that a CID stands for: the inverse of {@link digestToCid}.
 *
 * @throws InvalidInputError `CID_INVALID` for anything but CIDv1, raw, sha2-256 or sha2-512
 */
export function cidToDigest(cid: CID): Digest {
  if (cid.version !== 1) throw invalid(cid, `version ${cid.version}; expected CIDv1`)
  if (cid.code !== raw.code) throw invalid(cid, `codec 0x${cid.code.toString(16)}; expected raw (0x55)`)
  const algorithm = algorithmOf(cid.multihash.code)
  if (algorithm === undefined) {
    throw invalid(cid, `multihash 0x${cid.multihash.code.toString(16)}; expected sha2-256 or sha2-512`)
  }
  return digestFromHash(algorithm, cid.multihash.digest)
}

/**
 * Reads a CID from its text form and returns the digest.
 *
 * @throws InvalidInputError `CID_INVALID`
 */
export function parseCid(text: string): Digest {
  let cid: CID
  try {
    cid = CID.parse(text)
  } catch (cause) {
    throw new InvalidInputError('CID_INVALID', `malformed CID ${JSON.stringify(text.slice(0, 160))}`, {
      cause,
    })
  }
  return cidToDigest(cid)
}

function algorithmOf(code: number): DigestAlgorithm | undefined {
  if (code === multihashCodes.sha256) return 'sha256'
  if (code === multihashCodes.sha512) return 'sha512'
  return undefined
}

function invalid(cid: CID, why: string): InvalidInputError {
  return new InvalidInputError('CID_INVALID', `CID ${cid} does not name a blob: ${why}`)
}
