import test from 'ava'
import fc from 'fast-check'
import { RequestError } from '../dist/request-error.js'
import { route } from '../dist/router.js'
import { unknownDigest } from './fixture.ts'

const digest = unknownDigest

test('routes a manifest by tag', (t) => {
  t.like(route('GET', '/v2/library/nginx/manifests/1.29?ns=docker.io'), {
    kind: 'manifest',
    reference: { tag: '1.29' },
    repository: { registry: 'docker.io', name: 'library/nginx' },
    namespace: 'docker.io',
  })
})

test('routes a manifest by digest', (t) => {
  t.like(route('HEAD', `/v2/a/b/manifests/${digest}`), { kind: 'manifest', reference: { digest } })
})

test('routes a blob whose digest has an escaped colon', (t) => {
  t.like(route('GET', `/v2/a/b/blobs/${digest.replace(':', '%3A')}`), { kind: 'blob', digest })
})

test('decodes ns', (t) => {
  t.like(route('GET', '/v2/app/tags/list?ns=quay.example%3A8443'), {
    repository: { registry: 'quay.example:8443', name: 'app' },
  })
})

test('passes on the query of a listing without ns', (t) => {
  t.like(route('GET', '/v2/a/b/tags/list?n=2&ns=quay.io&last=v1'), { kind: 'tags', query: 'n=2&last=v1' })
})

test('routes referrers', (t) => {
  t.like(route('GET', `/v2/a/b/referrers/${digest}?artifactType=x%2Fy`), {
    kind: 'referrers',
    digest,
    query: 'artifactType=x%2Fy',
  })
})

test('takes the last keyword of a name that holds others', (t) => {
  t.like(route('GET', '/v2/blobs/manifests/tags/manifests/list'), {
    kind: 'manifest',
    repository: { name: 'blobs/manifests/tags' },
  })
})

test('takes a request target in absolute form', (t) => {
  t.is(route('GET', 'http://127.0.0.1:5005/v2/').kind, 'ping')
})

for (const target of ['/v2/', '/v2', '/v2/?ns=docker.io']) {
  test(`answers ${target} as the ping`, (t) => {
    t.is(route('GET', target).kind, 'ping')
  })
}

for (const [target, status, code] of [
  ['/', 404, 'UNSUPPORTED'],
  ['/v1/_ping', 404, 'UNSUPPORTED'],
  ['/v2/_catalog', 404, 'UNSUPPORTED'],
  ['/v2/a/b', 404, 'UNSUPPORTED'],
  ['/v2/a/b/tags/list/', 404, 'UNSUPPORTED'],
  ['/v2/a/b/blobs/uploads/', 404, 'UNSUPPORTED'],
  ['/v2/manifests/latest', 404, 'UNSUPPORTED'],
  ['/v2/a/b/blobs/sha256:baddigeststring', 400, 'DIGEST_INVALID'],
  ['/v2/a/b/manifests/sha256:baddigeststring', 400, 'DIGEST_INVALID'],
  ['/v2/a/b/blobs/latest', 400, 'DIGEST_INVALID'],
  ['/v2/a/b/manifests/-tag', 404, 'MANIFEST_UNKNOWN'],
  ['/v2/../../etc/passwd/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/a/%2e%2e/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/a%2Fb/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/a%252e/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/a/b%00/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/a/%zz/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2//manifests/latest', 400, 'NAME_INVALID'],
  [`/v2/${'a/'.repeat(3000)}manifests/latest`, 414, 'NAME_INVALID'],
] as const) {
  test(`answers ${target.slice(0, 60)} with ${status} ${code}`, (t) => {
    t.like(
      t.throws(() => route('GET', target), { instanceOf: RequestError }),
      { status, code },
    )
  })
}

test('refuses to be pushed to', (t) => {
  const error = t.throws(() => route('PUT', '/v2/a/b/manifests/latest'), { instanceOf: RequestError })
  t.like(error, { status: 405, code: 'UNSUPPORTED', headers: { Allow: 'GET, HEAD' } })
})

test('garbage is routed or refused with a 4xx, and never throws anything else', (t) => {
  const piece = fc.oneof(
    fc.constantFrom(
      'v2',
      'manifests',
      'blobs',
      'tags',
      'list',
      '..',
      '%2e%2e',
      '%00',
      '%',
      digest,
      'docker.io',
    ),
    fc.string({ maxLength: 20 }),
  )
  const target = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((pieces) => `/v2/${pieces.join('/')}`),
    fc.tuple(fc.array(piece), fc.string()).map(([pieces, query]) => `/v2/${pieces.join('/')}?ns=${query}`),
  )
  fc.assert(
    fc.property(target, (text) => {
      try {
        const found = route('GET', text)
        if (found.kind !== 'ping') assertPlain(found.repository)
      } catch (error) {
        if (!(error instanceof RequestError) || error.status < 400 || error.status > 499) throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

/** What leaves the router can be put into a path or a URL as it is. */
function assertPlain({ registry, name }: { registry: string; name: string }): void {
  if (!/^[a-z0-9._/-]+$/.test(name) || name.split('/').includes('..')) throw new Error(`name ${name}`)
  if (!/^[a-z0-9.:[\]-]+$/.test(registry)) throw new Error(`registry ${registry}`)
}
