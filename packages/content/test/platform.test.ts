import test from 'ava'
import { parseDigest } from '../dist/digest.js'
import { ociArchitecture, ofPlatform } from '../dist/platform.js'

const digest = parseDigest(`sha256:${'1'.repeat(64)}`)
const manifestFor = (os: string, architecture: string) => ({
  digest,
  size: 7,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  platform: { os, architecture },
})

test('the names of processors are those of OCI', (t) => {
  t.deepEqual(['x64', 'ia32', 'arm64'].map(ociArchitecture), ['amd64', '386', 'arm64'])
})

test('of an index a machine takes the manifest for Linux on its processor', (t) => {
  const { platform, ...nameless } = manifestFor('linux', 'amd64')
  const manifests = [nameless, manifestFor('windows', 'arm64'), manifestFor('linux', 'arm64')]
  t.is(ofPlatform(manifests, 'arm64'), manifests[2])
  t.is(ofPlatform(manifests, 'amd64'), undefined)
})
