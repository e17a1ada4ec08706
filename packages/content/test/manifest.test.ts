import test from 'ava'
import fc from 'fast-check'
import { maxManifestBytes, mediaTypes, parseManifest } from '../dist/manifest.js'

const digest = `sha256:${'1'.repeat(64)}`
const descriptor = { digest, size: 7, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

test('an image manifest names its config and layers', (t) => {
  const { blobs, manifests, mediaType } = parseManifest(encode({ config: descriptor, layers: [descriptor] }))
  t.is(blobs.length, 2)
  t.is(manifests.length, 0)
  t.is(mediaType, mediaTypes.ociManifest)
})

test('an index names a manifest for each platform', (t) => {
  const platform = { os: 'linux', architecture: 'arm64' }
  const { manifests, blobs } = parseManifest(encode({ manifests: [{ ...descriptor, platform }] }))
  t.deepEqual(manifests[0]?.platform, platform)
  t.is(blobs.length, 0)
})

test('a Docker manifest keeps its media type', (t) => {
  const manifest = { mediaType: mediaTypes.dockerManifest, config: descriptor, layers: [] }
  t.is(parseManifest(encode(manifest)).mediaType, mediaTypes.dockerManifest)
})

for (const [what, bytes] of [
  ['what is not JSON', new TextEncoder().encode('<html>')],
  ['what is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['a list', encode([])],
  ['an object without content', encode({})],
  ['a malformed digest', encode({ config: { ...descriptor, digest: 'sha256:xyz' } })],
  ['a negative size', encode({ config: { ...descriptor, size: -1 } })],
  ['more descriptors than any image has', encode({ manifests: Array(10_001).fill(descriptor) })],
  ['more bytes than clients accept', new Uint8Array(maxManifestBytes + 1)],
] as const) {
  test(`${what} is refused as a manifest`, (t) => {
    t.throws(() => parseManifest(bytes), { name: 'InvalidInputError', code: 'MANIFEST_INVALID' })
  })
}

test('any JSON is read as a manifest or refused', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseManifest(encode(value))
        return true
      } catch (error) {
        return (error as Error).name === 'InvalidInputError'
      }
    }),
  )
  t.pass()
})
