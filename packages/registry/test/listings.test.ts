import { OriginError, type OriginListing } from '@shoal/content'
import test from 'ava'
import { errorOf, fakeOrigin, never, startShim, unknownDigest } from './fixture.ts'

const page: OriginListing = {
  mediaType: 'application/json',
  body: Buffer.from('{"name":"org/app","tags":["v1","v2"]}'),
  headers: {},
}

test('passes a page of tags on as it came', async (t) => {
  const shim = await startShim(t, { origin: fakeOrigin({ listTags: async () => page }) })
  const { status, headers, body } = await shim.get('/v2/org/app/tags/list?ns=quay.io')
  t.is(status, 200)
  t.deepEqual(body, Buffer.from(page.body))
  t.like(headers, { 'content-type': 'application/json', 'oci-namespace': 'quay.io', link: undefined })
})

test('passes the query on without ns', async (t) => {
  const asked: unknown[] = []
  const origin = fakeOrigin({
    listTags: async (repository, query) => {
      asked.push({ ...repository, query })
      return page
    },
  })
  await (await startShim(t, { origin })).get('/v2/org/app/tags/list?n=2&last=v1&ns=quay.io')
  t.deepEqual(asked, [{ registry: 'quay.io', name: 'org/app', query: 'n=2&last=v1' }])
})

test('the link to the next page leads here, to the same upstream', async (t) => {
  const origin = fakeOrigin({ listTags: async () => ({ ...page, next: 'last=v2&n=2' }) })
  const { headers } = await (await startShim(t, { origin })).get(
    '/v2/org/app/tags/list?n=2&ns=quay.io%3A8443',
  )
  t.is(headers.link, '</v2/org/app/tags/list?last=v2&n=2&ns=quay.io%3A8443>; rel="next"')
})

test('the link keeps the registry that the path named', async (t) => {
  const origin = fakeOrigin({ listTags: async () => ({ ...page, next: 'last=v2' }) })
  const { headers } = await (await startShim(t, { origin })).get('/v2/quay.io/org/app/tags/list')
  t.is(headers.link, '</v2/quay.io/org/app/tags/list?last=v2>; rel="next"')
})

test('passes referrers on with the filters that were applied', async (t) => {
  const listing = {
    ...page,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    headers: { 'OCI-Filters-Applied': 'artifactType', 'Set-Cookie': 'no' },
  }
  const origin = fakeOrigin({ listReferrers: async () => listing })
  const { headers } = await (await startShim(t, { origin })).get(`/v2/org/app/referrers/${unknownDigest}`)
  t.like(headers, {
    'content-type': 'application/vnd.oci.image.index.v1+json',
    'oci-filters-applied': 'artifactType',
    'set-cookie': undefined,
  })
})

test('HEAD of a listing gives its length and no body', async (t) => {
  const shim = await startShim(t, { origin: fakeOrigin({ listTags: async () => page }) })
  const { headers, body } = await shim.head('/v2/org/app/tags/list')
  t.is(headers['content-length'], String(page.body.length))
  t.is(body.length, 0)
})

test('an origin that limits our rate gives 404', async (t) => {
  const origin = fakeOrigin({ listTags: () => Promise.reject(new OriginError('rate-limited', '429')) })
  const answer = await (await startShim(t, { origin })).get('/v2/org/app/tags/list')
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'NAME_UNKNOWN', detail: { reason: 'rate-limited' } })
})

test('an origin that does not answer gives 404', async (t) => {
  const origin = fakeOrigin({ listTags: () => never(new AbortController().signal) })
  const answer = await (await startShim(t, { origin }, { firstByteTimeoutMs: 50 })).get(
    '/v2/org/app/tags/list',
  )
  t.is(errorOf(answer).detail.reason, 'timeout')
})
