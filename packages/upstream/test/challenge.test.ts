import test from 'ava'
import fc from 'fast-check'
import { parseChallenges } from '../dist/challenge.js'

const plain = (header: string | string[]) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

test('reads the challenge of Docker Hub', (t) => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"'
  t.deepEqual(plain(header), [
    [
      'bearer',
      {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:library/nginx:pull',
      },
    ],
  ])
})

test('keeps commas and escaped quotes inside of quoted strings', (t) => {
  t.deepEqual(plain('Bearer scope="repository:a:pull,push", error="say \\"please\\""'), [
    ['bearer', { scope: 'repository:a:pull,push', error: 'say "please"' }],
  ])
})

test('tells several challenges in one header apart', (t) => {
  t.deepEqual(plain('Basic realm="a b", Bearer realm=https, service = x ,Negotiate'), [
    ['basic', { realm: 'a b' }],
    ['bearer', { realm: 'https', service: 'x' }],
    ['negotiate', {}],
  ])
})

test('reads challenges in several headers', (t) => {
  t.deepEqual(plain(['Basic realm="a"', 'Bearer realm="b"']), [
    ['basic', { realm: 'a' }],
    ['bearer', { realm: 'b' }],
  ])
})

test('skips the opaque value of a scheme that has one', (t) => {
  t.deepEqual(plain('Negotiate YIIB6g==, Basic realm="a"'), [
    ['negotiate', {}],
    ['basic', { realm: 'a' }],
  ])
})

test('ignores the case of names, and repetitions', (t) => {
  t.deepEqual(plain('BEARER Realm="a", REALM="b"'), [['bearer', { realm: 'a' }]])
})

test('ends at an unterminated string', (t) => {
  t.deepEqual(plain('Bearer service="a", realm="b'), [['bearer', { service: 'a' }]])
})

test('takes nothing from a header beyond the limit', (t) => {
  t.deepEqual(parseChallenges(`Bearer realm="${'a'.repeat(8192)}"`), [])
})

test('takes no more challenges and parameters than the limits', (t) => {
  const parameters = Array.from({ length: 100 }, (_, index) => `p${index}=x`).join(', ')
  t.is(parseChallenges(`Bearer ${parameters}`)[0]?.parameters.size, 16)
  t.is(parseChallenges('Basic realm="a", '.repeat(100)).length, 8)
})

test('a missing header holds no challenge', (t) => {
  t.deepEqual(parseChallenges(undefined), [])
})

test('garbage never throws', (t) => {
  const alphabet = fc.constantFrom(
    'Bearer',
    'Basic',
    'realm',
    '=',
    '"',
    '\\',
    ',',
    ' ',
    '\t',
    'a',
    '\u0000',
    'é',
    '==',
  )
  const garbage = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 500 }),
    fc.string({ unit: alphabet, maxLength: 200 }),
  )
  fc.assert(
    fc.property(garbage, (header) => {
      for (const { scheme, parameters } of parseChallenges(header)) {
        if (scheme !== scheme.toLowerCase() || parameters.size > 16) return false
      }
      return true
    }),
  )
  t.pass()
})

test('what is written by the grammar is read back', (t) => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
  const value = fc.string({ maxLength: 40 })
  const challenges = fc.array(
    fc.record({
      scheme: token,
      parameters: fc.dictionary(token, value, { minKeys: 1, maxKeys: 5, noNullPrototype: true }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
  fc.assert(
    fc.property(challenges, (written) => {
      const header = written
        .map(({ scheme, parameters }) => {
          const list = Object.entries(parameters).map(([name, text]) => `${name}=${quote(text)}`)
          return `${scheme} ${list.join(',')}`
        })
        .join(', ')
      t.deepEqual(
        plain(header),
        written.map(({ scheme, parameters }) => [scheme, parameters]),
      )
    }),
  )
})
