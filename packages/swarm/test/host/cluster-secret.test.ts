import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { InvalidInputError } from '@shoal/content'
import test from 'ava'
import { generateClusterSecret, parseClusterSecret } from '../../dist/host/cluster-secret.js'
import { secretText } from './fixture.ts'

for (const [name, secret] of [
  ['hex', secretText],
  ['base64', randomBytes(16).toString('base64')],
  ['base64url', randomBytes(32).toString('base64url')],
  ['a long phrase', 'every whale in this bay sings off key on tuesdays'],
  ['16 random bytes', Uint8Array.of(3, 200, 17, 99, 250, 4, 81, 160, 33, 7, 145, 222, 60, 12, 190, 71)],
] as const) {
  test(`a secret of ${name} is accepted`, (t) => {
    t.is(parseClusterSecret(secret).noisePrologue().length, 32)
  })
}

for (const [name, secret] of [
  ['empty', ''],
  ['blank', ' \n'],
  ['a word', 'hunter2'],
  ['hex of 15 bytes', '6f1c2b7e9d03a4855b7c91e2f6a8d0'],
  ['a short phrase', 'the whale sings on tuesdays'],
  ['one character', 'a'.repeat(64)],
  ['a word repeated', 'correct-horse/'.repeat(5)],
  ['a placeholder', 'change-me-change-me-change-me-change-me'],
  ['a sequence', '0123456789abcdef0123456789abcdefABCD'],
  ['8 random bytes', randomBytes(8)],
  ['zeros', new Uint8Array(32)],
  ['a file that was named by mistake', randomBytes(5_000)],
] as const) {
  test(`a secret that is ${name} is refused, with the command that makes a good one`, (t) => {
    t.throws(() => parseClusterSecret(secret), {
      instanceOf: InvalidInputError,
      code: 'CLUSTER_SECRET_INVALID',
      message: /openssl rand -hex 32/,
    })
  })
}

test('a secret means the same as text, as bytes, and with the line end of its file', (t) => {
  const prologue = parseClusterSecret(secretText).noisePrologue()
  t.deepEqual(parseClusterSecret(`${secretText}\n`).noisePrologue(), prologue)
  t.deepEqual(parseClusterSecret(Buffer.from(`${secretText}\r\n`)).noisePrologue(), prologue)
})

test('different secrets make different handshakes', (t) => {
  const prologue = (): Uint8Array => parseClusterSecret(generateClusterSecret()).noisePrologue()
  t.notDeepEqual(prologue(), prologue())
})

test('a secret does not show when it is printed or logged', (t) => {
  const secret = parseClusterSecret(secretText)
  for (const shown of [String(secret), JSON.stringify({ secret }), inspect({ secret }, { depth: 9 })]) {
    t.false(shown.includes(secretText.slice(0, 8)))
    t.true(shown.includes('[cluster secret]'))
  }
})
