import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { goTool } from '../harness/go-tool.ts'
import { installPackages } from '../harness/install.ts'
import { KeptSocket } from '../harness/kept-socket.ts'
import { MemoryRegistry, type MemoryRepository } from '../harness/memory-registry.ts'
import { Workspace } from '../harness/workspace.ts'
import type { Client, PulledImage } from './client.ts'
import { type ClientRelease, clientHost, releasesOfClients } from './client-host.ts'
import { cri } from './cri.ts'
import { crio } from './crio.ts'
import { ctr } from './ctr.ts'
import { docker } from './docker.ts'
import { clientPackages } from './lab.ts'
import { addLayeredImage, verifyLayers } from './layered-image.ts'
import { podman } from './podman.ts'
import { skopeo, skopeoThatRetries } from './skopeo.ts'
import { Valve } from './valve.ts'

const repository = 'library/shoal-agent-ends-test'
/** Far beyond what a busy machine needs until a client has begun. */
const beginTimeoutMs = 60_000
const pollMs = 20
/** What systemd waits before it starts an agent anew, and more: clients that connect again at once meet none. */
const restartMs = 1_500
/** The kubelet tries again after 10 s; whoever runs a command, when he likes. */
const tryAgainMs = 1_000

const crioTool = await goTool('crio')
const crioClients = 'file' in crioTool ? [crio(crioTool.file)] : []

let workspace: Workspace
let registry: MemoryRegistry
let stored: MemoryRepository
let images = 0

test.before(async (t) => {
  t.timeout(3_000_000)
  await installPackages(clientPackages, 'npm run test:clients')
  workspace = await Workspace.create('ends')
  registry = await MemoryRegistry.start()
  stored = registry.add(repository)
})

test.after.always(async () => {
  await registry?.[Symbol.asyncDispose]()
  await workspace?.[Symbol.asyncDispose]()
})

if ('unavailable' in crioTool) test.skip(`a pull by CRI-O goes on [${crioTool.unavailable}]`, () => {})

/** Its Debian has no say in what CRI-O is. */
const releasesOf = (client: Client) => (client.name === 'CRI-O' ? ['bookworm' as const] : releasesOfClients)

for (const client of [ctr, cri, docker, podman, skopeo, ...crioClients]) {
  for (const release of releasesOf(client)) {
    test.serial(
      `a pull by ${client.name} of ${release} comes to its end when the agent is upgraded midway`,
      async (t) => {
        const { place, pulling, before, valve, image, tag } = await pullMidway(t, client, release)
        const ended = before.terminate()
        await isLeaving(before.shim)
        valve.open()
        await using pulled = await pulling
        await verifyLayers(t, pulled.root, image)
        const pulledAt = performance.now()
        await ended
        const lingered = performance.now() - pulledAt
        t.log({ lingeredMs: Math.round(lingered) })
        t.deepEqual(layersAskedDirectly(), [], 'all layers came by the agent that was told to stop')

        await using after = await SwarmNode.start({ ...place, inPlaceOf: before })
        const directory = join(place.directory, '..', 'again')
        await mkdir(directory)
        const host = await newHost(t, release)
        await using again = await client.pull({ shim: after.shim, repository, tag, directory, host })
        await verifyLayers(t, again.root, image)
        t.is((await after.transfers()).fromUpstream, 0, 'the agent that came has it all')
      },
    )
  }
}

for (const client of [ctr, cri, docker, podman, skopeo, skopeoThatRetries, ...crioClients]) {
  for (const release of releasesOf(client)) {
    if (neverReconnects(client, release)) continue
    test.serial(
      `a pull by ${client.name} of ${release} goes on by itself when the agent is killed midway and its socket is kept`,
      async (t) => {
        using socket = new KeptSocket()
        const midway = await pullMidway(t, client, release, socket)
        const { first } = await takeOver(t, midway, socket)
        if (first instanceof Error) throw first
        await using pulled = first
        await verifyLayers(t, pulled.root, midway.image)
        t.deepEqual(layersAskedDirectly(), [], 'all layers came by agents')
      },
    )
  }
}

/** Docker stands for those that go on later; the others never do. containerd's part of this is in upgrade.test.ts. */
for (const client of [docker, podman, skopeo]) {
  test.serial(
    `a pull by ${client.name} succeeds, at the latest when tried again, after the agent and its socket were gone midway`,
    async (t) => {
      const midway = await pullMidway(t, client, 'bookworm')
      const { first, after } = await takeOver(t, midway)
      const again = async () => {
        await delay(tryAgainMs)
        const directory = join(midway.home, 'again')
        await mkdir(directory)
        const host = await newHost(t, 'bookworm')
        return await client.pull({ ...source(after.shim, midway.tag), directory, host })
      }
      await using pulled = first instanceof Error ? await again() : first
      await verifyLayers(t, pulled.root, midway.image)
    },
  )
}

/** Podman 4.3 and Skopeo 1.9 fail when a connection breaks, with --retry-times too: no socket helps them. */
function neverReconnects({ program }: Client, release: ClientRelease): boolean {
  return release === 'bookworm' && (program === 'podman' || program === 'skopeo')
}

type Midway = Awaited<ReturnType<typeof pullMidway>>

/** Kills the agent and starts another in its place, and tells what became of the pull: the image, or why there is none. */
async function takeOver(t: ExecutionContext, { place, pulling, before, valve }: Midway, socket?: KeptSocket) {
  await before.kill()
  await delay(restartMs)
  const after = await SwarmNode.start({ ...place, inPlaceOf: before, socket })
  t.teardown(() => after[Symbol.asyncDispose]())
  valve.open()
  const startedAt = performance.now()
  const first = await pulling.catch((error: Error) => error)
  t.log({
    byItself: !(first instanceof Error),
    layersFromRegistry: layersAskedDirectly().length,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    ...(first instanceof Error && { why: first.message.slice(-400) }),
  })
  return { first, after }
}

/** A pull under way: the agent has half of what it asked for, and the client has asked for its first layer at least. */
async function pullMidway(t: ExecutionContext, client: Client, release: ClientRelease, socket?: KeptSocket) {
  const tag = `v${images++}`
  const home = await workspace.directory(tag)
  const image = await addLayeredImage(home, stored, tag)
  const place = {
    name: tag,
    directory: join(home, 'node'),
    secretFile: await newSecretFile(home),
    bootstrap: [],
    upstreams: [`docker.io=http://${registry.host}`],
    flags: ['--registry-drain', '60s'],
  }
  const before = await SwarmNode.start({ ...place, socket })
  t.teardown(() => before[Symbol.asyncDispose]())
  const directory = join(home, 'client')
  await mkdir(directory)
  const valve = Valve.close(registry)
  registry.asked.length = 0
  const host = await newHost(t, release)
  const pulling: Promise<PulledImage> = client.pull({
    ...source(before.shim, tag),
    directory,
    host,
  })
  // A failure is reported by who awaits it.
  pulling.catch(() => undefined)
  await layerAsked(image.layers.map(({ digest }) => digest))
  return { home, place, pulling, before, valve, image, tag }
}

/** One that goes with the test, after what the client left there. */
async function newHost(t: ExecutionContext, release: ClientRelease) {
  const host = await clientHost(release, workspace.path)
  t.teardown(() => host[Symbol.asyncDispose]())
  return host
}

async function layerAsked(digests: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(beginTimeoutMs)
  while (!registry.asked.some(({ path }) => digests.some((digest) => path.endsWith(digest)))) {
    await delay(pollMs, undefined, { signal })
  }
  // What half a layer takes to get to the client.
  await delay(10 * pollMs)
}

async function isLeaving(shim: string): Promise<void> {
  const signal = AbortSignal.timeout(beginTimeoutMs)
  while ((await fetch(`http://${shim}/v2/`, { signal })).ok) await delay(pollMs, undefined, { signal })
}

/** An image by an agent, and where a client gets it without one. */
function source(shim: string, tag: string) {
  return { shim, server: `http://${registry.host}`, repository, tag }
}

/** What clients asked the registry for themselves. */
function layersAskedDirectly() {
  return registry.asked.filter(
    ({ userAgent, path }) => !userAgent?.startsWith('shoal/') && path.includes('/blobs/'),
  )
}
