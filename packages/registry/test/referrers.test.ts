import { mediaTypes, OriginError, type OriginListing } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { referrersTag } from '../dist/referrers.js'
import {
  digestOf,
  FakeContent,
  fakeOrigin,
  goodItem,
  makeManifest,
  patternOf,
  startShim,
  unknownDigest,
} from './fixture.ts'

const path = `/v2/org/app/referrers/${unknownDigest}`
const signature = { ...entry('signature'), artifactType: 'application/vnd.example.signature' }
const sbom = { ...entry('sbom'), artifactType: 'application/vnd.example.sbom' }
const bytes = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [signature, sbom] }),
)

function entry(text: string) {
  return { mediaType: mediaTypes.ociManifest, digest: digestOf(Buffer.from(text)), size: text.length }
}

function listingWith(headers: Record<string, string> = {}): OriginListing {
  return { mediaType: mediaTypes.ociIndex, body: bytes, headers }
}

/** A registry without the API, whose clients keep the list under the fallback tag. */
function shimWithTag(t: ExecutionContext) {
  const content = new FakeContent().add(digestOf(bytes), goodItem(bytes, { mediaType: mediaTypes.ociIndex }))
  const asked: string[] = []
  const origin = fakeOrigin({
    resolve: async (_, tag) => {
      asked.push(tag)
      return { digest: digestOf(bytes), size: bytes.length, mediaType: mediaTypes.ociIndex }
    },
  })
  return startShim(t, { content, origin }).then((shim) => ({ shim, asked }))
}

const manifestsOf = (body: Buffer): unknown[] => JSON.parse(body.toString()).manifests

test('a registry without referrers is served from the fallback tag', async (t) => {
  const { shim, asked } = await shimWithTag(t)
  const { status, headers, body } = await shim.get(path)
  t.is(status, 200)
  t.is(headers['content-type'], mediaTypes.ociIndex)
  t.deepEqual(manifestsOf(body), [signature, sbom])
  t.deepEqual(asked, [`sha256-${'0'.repeat(64)}`])
})

test('the list from the fallback tag is filtered by artifact type, and says so', async (t) => {
  const { shim } = await shimWithTag(t)
  const { headers, body } = await shim.get(`${path}?artifactType=${encodeURIComponent(sbom.artifactType)}`)
  t.deepEqual(manifestsOf(body), [sbom])
  t.is(headers['oci-filters-applied'], 'artifactType')
})

test('a registry that does not filter is filtered for', async (t) => {
  const shim = await startShim(t, { origin: fakeOrigin({ listReferrers: async () => listingWith() }) })
  const { headers, body } = await shim.get(
    `${path}?artifactType=${encodeURIComponent(signature.artifactType)}`,
  )
  t.deepEqual(manifestsOf(body), [signature])
  t.is(headers['oci-filters-applied'], 'artifactType')
})

test('a registry that did filter is passed on as it is', async (t) => {
  const listing = listingWith({ 'oci-filters-applied': 'artifactType' })
  const shim = await startShim(t, { origin: fakeOrigin({ listReferrers: async () => listing }) })
  const { body } = await shim.get(`${path}?artifactType=other`)
  t.deepEqual(body, bytes)
})

test('a manifest without referrers has an empty list, never 404', async (t) => {
  const { status, headers, body } = await (await startShim(t)).get(path)
  t.is(status, 200)
  t.is(headers['content-type'], mediaTypes.ociIndex)
  t.deepEqual(JSON.parse(body.toString()), {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
  })
})

test('a fallback tag that is an image lists nothing', async (t) => {
  const image = makeManifest(patternOf(10))
  const content = new FakeContent().add(image.digest, goodItem(image.bytes))
  const resolve = async () => ({
    digest: image.digest,
    size: image.bytes.length,
    mediaType: mediaTypes.ociManifest,
  })
  const { body } = await (await startShim(t, { content, origin: fakeOrigin({ resolve }) })).get(path)
  t.deepEqual(manifestsOf(body), [])
})

test('the fallback tag of a sha512 is cut to what a tag may be', (t) => {
  const tag = referrersTag(`sha512:${'ab'.repeat(64)}` as Parameters<typeof referrersTag>[0])
  t.is(tag, `sha512-${'ab'.repeat(32)}`)
})

test('a repository that does not exist has no referrers either', async (t) => {
  const isPublic = () => Promise.reject(new OriginError('not-found', 'no such repository'))
  const shim = await startShim(t, { access: { isPublic, admit: async () => ({ isAllowed: false }) } })
  t.like(await shim.get(path), { status: 200 })
  t.is((await shim.get('/v2/org/app/tags/list')).status, 404)
})
