import test from 'ava'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as multihash from 'multiformats/hashes/digest'
import { cidToDigest, digestToCid, parseCid } from '../dist/cid.js'
import { digestFromHash, parseDigest } from '../dist/digest.js'

/** printf '' | sha256sum; the CID as `ipfs block put --cid-codec raw` prints it for the empty block. */
const emptyDigest = parseDigest('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
const emptyCid = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'

test('a digest has the CID that IPFS gives to the same raw block', (t) => {
  t.is(digestToCid(emptyDigest).toString(), emptyCid)
  t.is(parseCid(emptyCid), emptyDigest)
})

test('digest to CID and back is the same digest', (t) => {
  const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => digestFromHash('sha256', hash))
  const sha512 = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((hash) => digestFromHash('sha512', hash))
  fc.assert(
    fc.property(fc.oneof(sha256, sha512), (digest) => {
      const cid = digestToCid(digest)
      return cidToDigest(cid) === digest && parseCid(cid.toString()) === digest
    }),
  )
  t.pass()
})

const sha256Hash = multihash.create(0x12, new Uint8Array(32))
for (const [what, cid] of [
  ['a CIDv0', CID.createV0(sha256Hash)],
  ['a codec other than raw', CID.createV1(0x70, sha256Hash)],
  ['a hash other than sha2', CID.createV1(0x55, multihash.create(0x1e, new Uint8Array(32)))],
  ['a truncated sha2-256', CID.createV1(0x55, multihash.create(0x12, new Uint8Array(20)))],
] as const) {
  test(`${what} is refused`, (t) => {
    t.throws(() => cidToDigest(cid), { name: 'InvalidInputError' })
  })
}

test('garbage is refused as a CID', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseCid(text)
      } catch (error) {
        return (error as Error).name === 'InvalidInputError'
      }
      return false
    }),
  )
  t.pass()
})
