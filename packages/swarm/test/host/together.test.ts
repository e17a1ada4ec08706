import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { CID } from 'multiformats/cid'
import type { SwarmHost } from '../../dist/host/swarm-host.js'
import { addressOf, all, randomCid, startHost } from './fixture.ts'

/** By the clock on the wall, in a process for each core: `npm run bench:together`. */
const count = 50
/** Below this many peers a node knows all that there are. */
const wanted = 20
/** What a node of a cluster that starts has to be in the swarm. */
const budgetMs = 10_000
/** All fifty share one core here, and that with other tests. */
const testTimeoutMs = 240_000
const pollMs = 50
/** All fifty would look at once, on one core, for what a tenth of them shows as well. */
const seekersEvery = 5
/** Fifty who ask all the time leave the others no processor to announce with. */
const findAgainMs = 500

test('fifty nodes that start together are one swarm within ten seconds of a node’s own time, and find what any of them has', async (t) => {
  t.timeout(testTimeoutMs)
  const clock = new NodeClock(count)
  const hosts = await startTogether(t)
  await until(() => componentsOf(hosts) === 1)
  t.log(`one swarm: ${clock}`)
  t.true(clock.ms < budgetMs, `${clock}`)

  await until(() => hosts.every((host) => host.routablePeers() >= wanted))
  t.log(`every node knows ${wanted} others: ${clock}`)
  t.true(clock.ms < budgetMs, `${clock}`)

  const holders = hosts.slice(0, 10)
  const blobs = holders.map((host) => ({ holder: host.peer, cid: provideSomething(host) }))
  const seekers = hosts.filter((_, index) => index % seekersEvery === 0)
  await Promise.all(seekers.map((host, index) => finds(t, host, blobs[(index + 1) % blobs.length])))
  t.log(`${seekers.length} nodes have found what another has: ${clock}`)
  t.true(clock.ms < budgetMs, `${clock}`)
})

/** Each finds the others by SRV records, which name all who are up, as those of a headless Service do. */
async function startTogether(t: ExecutionContext): Promise<SwarmHost[]> {
  const up: SwarmHost[] = []
  const names = {
    srv: async () => up.map((host) => ({ name: '127.0.0.1', port: portOf(host), priority: 0, weight: 0 })),
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
  }
  const hosts = await Promise.all(
    Array.from({ length: count }, async () => {
      const host = await startHost(t, { names, bootstrap: ['srv:_swarm._tcp.shoal'] })
      up.push(host)
      return host
    }),
  )
  // Before the teardown of each, one after the other, which takes a quarter of a minute.
  t.teardown(() => Promise.all(hosts.map((host) => host.stop())))
  return hosts
}

function provideSomething(host: SwarmHost): CID {
  const cid = randomCid()
  host.discovery.provide(cid)
  return cid
}

/** Waits until the host finds who has a blob: it takes a moment until that is announced. */
async function finds(t: ExecutionContext, host: SwarmHost, blob: { holder: string; cid: CID } | undefined) {
  if (blob === undefined) throw new RangeError('no such blob')
  for (;;) {
    const found = await all(host.discovery.find(blob.cid, { limit: 1, timeoutMs: 2_000 }))
    if (found.length > 0) return t.deepEqual(found, [blob.holder])
    await sleep(findAgainMs)
  }
}

function portOf(host: SwarmHost): number {
  return Number(/\/tcp\/(\d+)/.exec(addressOf(host))?.[1])
}

/** Of how many parts the nodes are that nobody connects with each other. */
function componentsOf(hosts: readonly SwarmHost[]): number {
  const byPeer = new Map(hosts.map((host) => [host.peer, host]))
  const seen = new Set<SwarmHost>()
  const visit = (host: SwarmHost | undefined): void => {
    if (host === undefined || seen.has(host)) return
    seen.add(host)
    for (const peer of host.connectedPeers()) visit(byPeer.get(peer))
  }
  let components = 0
  for (const host of hosts) {
    if (seen.has(host)) continue
    components++
    visit(host)
  }
  return components
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(pollMs)
}

/**
 * The time that has passed for a node with a processor of its own, of nodes that share one: all that they waited for timers
 * and each other, and the share of one in what they computed. A machine that is busy with something else does not count.
 */
class NodeClock {
  readonly #nodes: number
  readonly #idleMs = performance.eventLoopUtilization().idle
  readonly #cpu = process.cpuUsage()
  readonly #startMs = performance.now()

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  get ms(): number {
    return this.#waitedMs + this.#computedMs / this.#nodes
  }

  toString(): string {
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
    const wall = performance.now() - this.#startMs
    return `${seconds(this.#waitedMs)} waited and ${seconds(this.#computedMs / this.#nodes)} computed a node, ${seconds(wall)} here for all`
  }

  get #waitedMs(): number {
    return performance.eventLoopUtilization().idle - this.#idleMs
  }

  get #computedMs(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    return (user + system) / 1000
  }
}
