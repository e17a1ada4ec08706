import test from 'ava'
import fc from 'fast-check'
import { digestAlgorithm, digestFromHash, digestHex, isDigest, parseDigest } from '../dist/digest.js'

const hexOf = (bytes: number) => 'ab'.repeat(bytes)

test('a sha256 and a sha512 digest are read', (t) => {
  t.is(digestAlgorithm(parseDigest(`sha256:${hexOf(32)}`)), 'sha256')
  t.is(digestHex(parseDigest(`sha512:${hexOf(64)}`)), hexOf(64))
})

for (const [what, text] of [
  ['no algorithm', hexOf(32)],
  ['an empty text', ''],
  ['an unknown algorithm', `md5:${hexOf(16)}`],
  ['an inherited property as algorithm', `constructor:${hexOf(32)}`],
  ['upper-case hex', `sha256:${hexOf(32).toUpperCase()}`],
  ['hex that is too short', `sha256:${hexOf(31)}`],
  ['hex of another algorithm', `sha256:${hexOf(64)}`],
  ['a digit that is not hex', `sha256:${'g'.repeat(64)}`],
  ['a trailing newline', `sha256:${hexOf(32)}\n`],
  ['a path', `sha256:../../${hexOf(29)}`],
] as const) {
  test(`${what} is refused`, (t) => {
    t.throws(() => parseDigest(text), { name: 'InvalidInputError', code: 'DIGEST_INVALID' })
  })
}

test('a hostile digest does not come back whole in the message', (t) => {
  const error = t.throws(() => parseDigest(`sha256:${'x'.repeat(10_000)}`))
  t.true(error.message.length < 400)
})

test('only texts of the grammar are digests', (t) => {
  fc.assert(
    fc.property(
      fc.string(),
      (text) => isDigest(text) === /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text),
    ),
  )
  t.pass()
})

test('a hash of the wrong length makes no digest', (t) => {
  t.throws(() => digestFromHash('sha256', new Uint8Array(20)), { code: 'DIGEST_INVALID' })
})
