import { type Descriptor, type Digest, mediaTypes, ociArchitecture } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import {
  digestOf,
  FakeContent,
  type FakeItem,
  fakeOrigin,
  goodItem,
  makeManifest,
  never,
  patternOf,
  type Shim,
  startShim,
} from './fixture.ts'

const own = makeManifest(patternOf(100))
const others = makeManifest(patternOf(200))

/** An index of two platforms, of which this machine's is the second. */
function indexOf() {
  const entry = ({ bytes, digest }: typeof own, architecture: string) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: bytes.length,
    platform: { os: 'linux', architecture },
  })
  const manifests = [entry(others, 'mips64le'), entry(own, ociArchitecture())]
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
  return { bytes, digest: digestOf(bytes) }
}

async function startWithIndex(t: ExecutionContext, item: FakeItem = goodItem(own.bytes)) {
  const index = indexOf()
  const content = new FakeContent()
    .add(index.digest, goodItem(index.bytes, { mediaType: mediaTypes.ociIndex }))
    .add(own.digest, item)
    .add(others.digest, goodItem(others.bytes))
  const asked: string[] = []
  const describe = async (digest: Digest): Promise<Descriptor> => {
    const { size, mediaType } = content.items.get(digest) as FakeItem
    return { digest, size, mediaType }
  }
  const origin = fakeOrigin({
    resolve: (_, tag) => {
      asked.push(tag)
      return describe(index.digest)
    },
    describe: ({ digest }) => {
      asked.push(digest)
      return describe(digest)
    },
  })
  const shim = await startShim(t, { content, origin, vouch: false })
  return { shim, index, asked }
}

const opened = ({ content }: Shim) => content.opened.map(({ digest }) => digest)
const byTag = '/v2/library/app/manifests/v1'

test('who gets an index finds the manifest of his platform on its way', async (t) => {
  const { shim, index, asked } = await startWithIndex(t)
  await shim.get(byTag)
  await shim.registry.stop()
  t.deepEqual(opened(shim), [index.digest, own.digest])
  t.deepEqual(asked, ['v1', own.digest], 'the registry was asked whether it has it')
  t.is(shim.content.openCount, 0)
})

test('by its digest too, and who comes for the manifest asks for nothing more', async (t) => {
  const { shim, index, asked } = await startWithIndex(t)
  await shim.get(byTag)
  await shim.get(`/v2/library/app/manifests/${index.digest}`)
  const { status, body } = await shim.get(`/v2/library/app/manifests/${own.digest}`)
  t.is(status, 200)
  t.deepEqual(body, Buffer.from(own.bytes))
  t.deepEqual(asked, ['v1', own.digest])
})

test('who only looks at the tag has nothing fetched', async (t) => {
  const { shim } = await startWithIndex(t)
  await shim.head(byTag)
  await shim.registry.stop()
  t.false(opened(shim).includes(own.digest))
})

test('one that does not come keeps no index waiting, and a registry that stops does not wait for it', async (t) => {
  const silent: FakeItem = {
    ...goodItem(own.bytes),
    read: async function* (_, signal) {
      yield await never(signal)
    },
  }
  const { shim } = await startWithIndex(t, silent)
  t.is((await shim.get(byTag)).status, 200)
  await shim.registry.stop()
  t.true(opened(shim).includes(own.digest))
  t.is(shim.content.openCount, 0)
})
