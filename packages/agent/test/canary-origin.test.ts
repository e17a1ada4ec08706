import { createHash, randomBytes } from 'node:crypto'
import { canaryName, type Digest, type Origin, parseManifest, type Repository } from '@shoal/content'
import test from 'ava'
import { type AccessibleOrigin, CanaryLog, withCanaries } from '../dist/canary-origin.js'

/** An origin that was asked for a canary has been told what only this node should know. */
const refuse = <Methods extends object>() =>
  new Proxy({} as Methods, {
    get: (_, method) => async () => {
      throw new Error(`the real origin was asked: ${String(method)}`)
    },
  })

const { listTags, listReferrers, resolve, describe, fetch } = refuse<AccessibleOrigin>()
const unreachable: AccessibleOrigin = {
  ...{ listTags, listReferrers, resolve, describe, fetch },
  access: refuse<AccessibleOrigin['access']>(),
  push: refuse<AccessibleOrigin['push']>(),
}

const canary = (registry = 'quay.io'): Repository => ({ registry, name: canaryName(randomBytes(16)) })

async function read(origin: Origin, repository: Repository, kind: 'manifest' | 'blob', digest: Digest) {
  const { body } = await origin.fetch({ repository, kind, digest })
  return Buffer.concat(await Array.fromAsync(body))
}

test('a canary is a whole image, made up without a word to its registry', async (t) => {
  const log = new CanaryLog()
  const origin = withCanaries(unreachable, log)
  const repository = canary()
  const { digest, size } = await origin.resolve(repository, 'probe')
  const manifest = await read(origin, repository, 'manifest', digest)
  t.is(manifest.length, size)
  const { blobs } = parseManifest(manifest)
  t.is(blobs.length, 2)
  for (const blob of blobs) {
    const bytes = await read(origin, repository, 'blob', blob.digest)
    t.is(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, blob.digest)
    t.is(bytes.length, blob.size)
    t.is((await origin.describe({ repository, kind: 'blob', digest: blob.digest })).size, blob.size)
  }
  const { isAllowed } = await origin.access.isPublic(repository, { kind: 'manifest', reference: 'probe' })
  t.true(isAllowed)
  t.deepEqual(log.list(), [repository])
})

test('any other name goes to its registry', async (t) => {
  const log = new CanaryLog()
  const origin = withCanaries(unreachable, log)
  for (const name of ['library/nginx', 'shoal-canary/x', `a/${canary().name}`, `${canary().name}0`]) {
    await t.throwsAsync(origin.resolve({ registry: 'docker.io', name }, 'v1'), {
      message: /was asked: resolve/,
    })
  }
  t.deepEqual(log.list(), [])
})

test('the log forgets the oldest, so that nobody fills the memory with names', (t) => {
  const log = new CanaryLog()
  const names = Array.from({ length: 300 }, () => canary())
  for (const name of names) log.record(name)
  t.is(log.list().length, 256)
  t.deepEqual(log.list().at(-1), names.at(-1))
})
