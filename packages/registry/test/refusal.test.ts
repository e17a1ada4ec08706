import { ContentUnavailableError, DigestMismatchError, OriginError, StoreError } from '@shoal/content'
import test from 'ava'
import { StoppingError } from '../dist/exchange.js'
import { isUnexpected, refusalFor } from '../dist/refusal.js'
import { type Route, route } from '../dist/router.js'
import { unknownDigest as digest } from './fixture.ts'

const limited = new OriginError('rate-limited', '429 Too Many Requests')

for (const [target, code, subject] of [
  [`/v2/app/blobs/${digest}`, 'BLOB_UNKNOWN', `docker.io/library/app@${digest}`],
  ['/v2/app/manifests/v1', 'MANIFEST_UNKNOWN', 'docker.io/library/app:v1'],
  [`/v2/app/manifests/${digest}`, 'MANIFEST_UNKNOWN', `docker.io/library/app@${digest}`],
  ['/v2/app/tags/list', 'NAME_UNKNOWN', 'docker.io/library/app'],
  [`/v2/app/referrers/${digest}`, 'MANIFEST_UNKNOWN', `docker.io/library/app@${digest}`],
] as const) {
  test(`${target.slice(0, 24)} that can not be served is 404 ${code}`, (t) => {
    const refusal = refusalFor(limited, route('GET', target))
    t.like(refusal, { status: 404, code, reason: 'rate-limited' })
    t.is(refusal.message, `${subject}: its registry limits our rate (429 Too Many Requests)`)
  })
}

const blob: Route = route('GET', `/v2/app/blobs/${digest}`)

test('content that the origin kept from us has the reason of the origin', (t) => {
  t.is(
    refusalFor(new ContentUnavailableError(digest, 'no source', { cause: limited }), blob).reason,
    'rate-limited',
  )
})

for (const [error, reason] of [
  [new ContentUnavailableError(digest, 'no source'), 'unavailable'],
  [new DigestMismatchError('a', 'b'), 'digest-mismatch'],
  [new StoppingError(), 'stopping'],
  [new StoreError('unreadable', 'bad disk'), 'internal'],
] as const) {
  test(`${error.name} is told as ${reason}`, (t) => {
    t.is(refusalFor(error, blob).reason, reason)
  })
}

test('only what nobody foresaw is unexpected', (t) => {
  t.deepEqual([new TypeError('bug'), limited].map(isUnexpected), [true, false])
})
