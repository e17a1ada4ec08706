import { glob, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { installPackages } from '../harness/install.ts'
import { type MemoryImage, MemoryRegistry, type MemoryRepository } from '../harness/memory-registry.ts'
import { PreviousBuild, previousCommit } from '../harness/previous-build.ts'
import { Workspace } from '../harness/workspace.ts'
import type { Client } from './client.ts'
import { cri } from './cri.ts'
import { ctr } from './ctr.ts'
import { clientPackages } from './lab.ts'
import { addLayeredImage, imageBytes, verifyLayers } from './layered-image.ts'
import { Valve } from './valve.ts'

const repository = 'library/shoal-upgrade-test'
const mebibyte = 1024 * 1024
/** Far beyond what a busy machine needs until a client has its first bytes. */
const firstBytesTimeoutMs = 30_000

const commit = await previousCommit()
const withPrevious = commit === undefined ? test.serial.skip : test.serial
const why = commit === undefined ? ' (skipped: this clone does not have the previous commit)' : ''

let workspace: Workspace
let registry: MemoryRegistry
let stored: MemoryRepository
let previous: PreviousBuild | undefined
let images = 0

test.before(async (t) => {
  t.timeout(1_200_000)
  await installPackages(clientPackages, 'npm run test:clients')
  workspace = await Workspace.create('upgrade')
  registry = await MemoryRegistry.start()
  stored = registry.add(repository)
  if (commit !== undefined) previous = await PreviousBuild.create(commit)
})

test.after.always(async () => {
  await registry?.[Symbol.asyncDispose]()
  await workspace?.[Symbol.asyncDispose]()
  await previous?.[Symbol.asyncDispose]()
})

/** Which build runs: this one, or the one before. */
type Build = 'this' | 'previous'
const builds = { this: 'the agent', previous: "the previous commit's agent" }

interface Change {
  readonly client: Client
  readonly from: Build
  readonly to: Build
  /** Whether it fetches three layers at a time: the last two begin when the other agent is there. */
  readonly inTurns: boolean
}

const changes: readonly Change[] = [
  { client: ctr, from: 'previous', to: 'this', inTurns: false },
  { client: cri, from: 'previous', to: 'this', inTurns: true },
  { client: cri, from: 'this', to: 'previous', inTurns: true },
]

for (const { client, from, to, inTurns } of changes) {
  const name = `a pull by ${client.name} goes on when ${builds[from]} is killed midway and ${builds[to]} takes its place`
  withPrevious(`${name}${why}`, async (t) => {
    const { home, image, tag } = await newImage()
    const secretFile = await newSecretFile(home)
    const place = {
      name: tag,
      directory: join(home, 'node'),
      secretFile,
      bootstrap: [],
      upstreams: [upstream()],
    }
    await using before = await SwarmNode.start({ ...place, ...runs(from) })
    const directory = await newDirectory(home, 'client')
    const valve = Valve.close(registry)
    registry.asked.length = 0
    const pulling = client.pull({ shim: before.shim, server: server(), repository, tag, directory })
    // A failure is reported by who awaits it, below.
    pulling.catch(() => undefined)
    const clientHad = await bytesOfClient(directory)
    const { fromUpstream: landed } = await before.transfers()
    await before.kill()
    await using after = await SwarmNode.start({ ...place, ...runs(to), inPlaceOf: before })
    valve.open()
    await using pulled = await pulling
    await verifyLayers(t, pulled.root, image)
    t.true([image.digest, image.config].includes(pulled.digest), `${pulled.digest} is the image`)

    const resumed = registry.asked.filter(
      ({ userAgent, range }) => userAgent?.startsWith('containerd') && /^bytes=[1-9]/.test(range ?? ''),
    )
    t.log({
      clientHad,
      agentHad: landed,
      resumed: resumed.map(({ range }) => range),
      ...(await after.transfers()),
    })
    t.true(resumed.length > 0, 'the client had a part of a layer, and got the rest from the registry')
    t.true(
      !inTurns || (await after.transfers()).fromUpstream >= 4 * mebibyte,
      'the new agent got what the client did not have',
    )

    const kept = await pullAgain(t, { client, node: after, tag, image, home })
    t.log({ fromUpstreamInAll: kept.fromUpstream })
    t.true(
      landed > 0 && kept.fromUpstream <= imageBytes(image) - landed / 2,
      'what the other build had cached is used',
    )
  })
}

test.serial(
  'a pull that begins while the agent is down goes to the registry, and by the CRI too',
  async (t) => {
    const { home, image, tag } = await newImage()
    const place = { name: tag, directory: join(home, 'node'), bootstrap: [], upstreams: [upstream()] }
    const node = await SwarmNode.start({ ...place, secretFile: await newSecretFile(home) })
    await node.kill()
    for (const client of [ctr, cri]) {
      registry.asked.length = 0
      const directory = await newDirectory(home, `client-${client === ctr ? 'ctr' : 'cri'}`)
      await using pulled = await client.pull({
        shim: node.shim,
        server: server(),
        repository,
        tag,
        directory,
      })
      await verifyLayers(t, pulled.root, image)
      t.true(registry.asked.every(({ userAgent }) => userAgent?.startsWith('containerd')))
    }
  },
)

withPrevious(`agents of this build and of the previous one get images from each other${why}`, async (t) => {
  const home = await workspace.directory('mixed')
  const common = { secretFile: await newSecretFile(home), upstreams: [upstream()] }
  await using one = await SwarmNode.start({
    ...{ ...common, ...runs('previous'), name: 'previous', directory: join(home, 'previous'), bootstrap: [] },
  })
  await using other = await SwarmNode.start({
    ...{ ...common, ...runs('this'), name: 'this', directory: join(home, 'this'), bootstrap: one.addresses },
  })
  await Promise.all([one.joined(), other.joined()])
  for (const [holder, taker] of [
    [one, other],
    [other, one],
  ] as const) {
    const given = await newImage()
    const before = await taker.transfers()
    await pullAgain(t, { ...given, client: ctr, node: holder })
    const { fromUpstream, fromPeers } = await pullAgain(t, { ...given, client: ctr, node: taker })
    t.log({ fromUpstream, fromPeers })
    t.true(fromPeers - before.fromPeers >= imageBytes(given.image))
    t.is(fromUpstream - before.fromUpstream, 0)
  }
})

function runs(build: Build): { cli?: string } {
  return build === 'previous' && previous !== undefined ? { cli: previous.cli } : {}
}

function upstream(): string {
  return `docker.io=http://${registry.host}`
}

function server(): string {
  return `http://${registry.host}`
}

/** An image that nobody has, and a directory for the test. */
async function newImage(): Promise<{ home: string; image: MemoryImage; tag: string }> {
  const tag = `v${images++}`
  const home = await workspace.directory(tag)
  return { home, image: await addLayeredImage(home, stored, tag), tag }
}

async function newDirectory(home: string, name: string): Promise<string> {
  const directory = join(home, name)
  await mkdir(directory)
  return directory
}

interface Again {
  readonly client: Client
  readonly node: SwarmNode
  readonly tag: string
  readonly image: MemoryImage
  readonly home: string
}

/** Pulls with a client that has nothing; where the node has had its bytes from since it started. */
async function pullAgain(t: ExecutionContext, { client, node, tag, image, home }: Again) {
  const directory = await newDirectory(home, `again-${node.shim.replace(':', '-')}`)
  await using pulled = await client.pull({ shim: node.shim, repository, tag, directory })
  await verifyLayers(t, pulled.root, image)
  return await node.transfers()
}

/** Waits until containerd has written bytes of a layer, and says how many. */
async function bytesOfClient(directory: string): Promise<number> {
  const signal = AbortSignal.timeout(firstBytesTimeoutMs)
  const ingests = 'root/io.containerd.content.v1.content/ingest/*/data'
  for (;;) {
    let bytes = 0
    for await (const path of glob(ingests, { cwd: directory })) {
      const size = await stat(join(directory, path)).then(
        (found) => found.size,
        () => 0, // complete by now, and moved
      )
      // The configuration is an ingest too.
      bytes += size > mebibyte / 8 ? size : 0
    }
    if (bytes > 0) return bytes
    await delay(20, undefined, { signal })
  }
}
