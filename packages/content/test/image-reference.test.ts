import test from 'ava'
import fc from 'fast-check'
import {
  formatImageReference,
  parseImageReference,
  parseRegistryHost,
  parseRepositoryName,
} from '../dist/image-reference.js'

const digest = `sha256:${'0'.repeat(64)}`

for (const [text, canonical] of [
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.29', 'docker.io/library/nginx:1.29'],
  ['bitnami/redis', 'docker.io/bitnami/redis:latest'],
  ['docker.io/nginx', 'docker.io/library/nginx:latest'],
  ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
  ['registry-1.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
  ['localhost/x', 'localhost/x:latest'],
  ['localhost:5000/x:y', 'localhost:5000/x:y'],
  ['QUAY.io/a/b', 'quay.io/a/b:latest'],
  ['[::1]:5000/a', '[::1]:5000/a:latest'],
  [`ghcr.io/a/b@${digest}`, `ghcr.io/a/b@${digest}`],
  [`ghcr.io/a/b:v1@${digest}`, `ghcr.io/a/b:v1@${digest}`],
] as const) {
  test(`${text} is ${canonical}`, (t) => {
    t.is(formatImageReference(parseImageReference(text)), canonical)
  })
}

for (const [text, code] of [
  ['', 'NAME_INVALID'],
  ['Nginx', 'NAME_INVALID'],
  ['a//b', 'NAME_INVALID'],
  ['../etc/passwd', 'REGISTRY_INVALID'],
  ['docker.io/../x', 'NAME_INVALID'],
  ['a/b/', 'NAME_INVALID'],
  ['nginx:', 'TAG_INVALID'],
  ['nginx:-x', 'TAG_INVALID'],
  [`nginx:${'x'.repeat(129)}`, 'TAG_INVALID'],
  ['nginx@sha256:12', 'DIGEST_INVALID'],
  ['host:99999/x', 'REGISTRY_INVALID'],
  ['x'.repeat(2000), 'REFERENCE_INVALID'],
] as const) {
  test(`${JSON.stringify(text.slice(0, 30))} is refused with ${code}`, (t) => {
    t.throws(() => parseImageReference(text), { name: 'InvalidInputError', code })
  })
}

test('a canonical reference reads back as itself', (t) => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const registry = fc.oneof(
    fc.constant('docker.io'),
    fc.constant('localhost:5000'),
    fc.constant('r.example.com'),
  )
  fc.assert(
    fc.property(
      registry,
      fc.array(component, { minLength: 2, maxLength: 4 }),
      component,
      (host, path, tag) => {
        const text = `${host}/${path.join('/')}:${tag}`
        return formatImageReference(parseImageReference(text)) === text
      },
    ),
  )
  t.pass()
})

test('garbage is read or refused, and never anything else', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseImageReference(text)
        return true
      } catch (error) {
        return (error as Error).name === 'InvalidInputError'
      }
    }),
  )
  t.pass()
})

test('a long run of separators is refused in linear time', (t) => {
  t.throws(() => parseRepositoryName(`a${'-'.repeat(200)}_`), { code: 'NAME_INVALID' })
  t.throws(() => parseRegistryHost(`${'a-'.repeat(120)}!`), { code: 'REGISTRY_INVALID' })
})
