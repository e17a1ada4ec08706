import { Containerd } from '../../harness/containerd.ts'
import { DockerRegistry } from '../../harness/docker-registry.ts'
import type { Workspace } from '../../harness/workspace.ts'
import type { Host } from '../../testbed/host.ts'
import { clusterHosts, type LinkBytes, Testbed } from '../../testbed/testbed.ts'
import type { BenchImage } from './bench-image.ts'
import type { Cluster, Contender, StartedContender } from './contender.ts'
import { type HostUsage, hostUsage, machineCpu, resetPeaks } from './host-usage.ts'
import { type Command, type PullTimes, pullFromRegistry, pullOnNodes } from './pull.ts'
import { atOnceOf, type Phase, phasesOf, timeoutMsOf, type Workload } from './workload.ts'

/** What one contender did in one phase of a workload, once. Bytes, seconds. */
export interface PhaseRun {
  readonly phase: Phase
  /** By node. */
  readonly times: readonly PullTimes[]
  /** That the upstream host put on the wire. */
  readonly upstreamBytes: number
  /** That the registry answered. */
  readonly upstreamRequests: number
  /** That all hosts together put on the wire. */
  readonly wireBytes: number
  /** By node: the contender's programs, without the client that pulls. */
  readonly nodeUsage: readonly HostUsage[]
  /** Of the contender's and the registry's programs on the other hosts. */
  readonly otherCpuSeconds: number
  /** The share of the machine's cores that were busy from the first start to the last end. */
  readonly machineBusy: number
}

export interface RunInit {
  readonly contender: Contender
  readonly workload: Workload
  /** One for each phase. */
  readonly images: readonly BenchImage[]
  /** Pulled by all nodes before the clock runs: programs run for weeks, and are not what they are when they start. */
  readonly warmUp: readonly BenchImage[]
  /** The registry's, with the images in it. */
  readonly storage: string
  readonly workspace: Workspace
}

/** Runs a workload on a cluster of its own. */
export async function runContender(init: RunInit): Promise<PhaseRun[]> {
  const { contender, workload, images, warmUp, storage, workspace } = init
  await using resources = new AsyncDisposableStack()
  const home = resources.use(await workspace.temporary(contender.name))
  const { link, nodes } = workload
  const hosts = [
    ...clusterHosts({ nodes, link, upstream: workload.upstream }),
    { name: 'shared', rate: link },
  ]
  const testbed = resources.use(await Testbed.start(hosts))
  const upstream = testbed.host('upstream')
  const directory = (name: string) => home.directory(name)
  const registry = resources.use(
    await DockerRegistry.start({
      directory: await directory('registry'),
      storage,
      listen: `${upstream.address}:5000`,
      machine: upstream,
    }),
  )
  const shared = testbed.host('shared')
  const nodeHosts = testbed.hosts.filter((host) => host !== upstream && host !== shared)
  const cluster = { upstream, shared, nodes: nodeHosts, registry, images: [...images, ...warmUp], directory }
  const started = resources.use(await contender.start(cluster))
  const commands = await commandsOf({ workload, cluster, started, resources })
  for (const image of warmUp) {
    await pullOnNodes({
      pulls: await pullsOf(nodeHosts, (node) => commands(node, image)),
      atOnce: nodes,
      timeoutMs: timeoutMsOf(workload),
    })
  }
  const runs: PhaseRun[] = []
  for (const [index, phase] of phasesOf(workload).entries()) {
    const image = images[index] as BenchImage
    runs.push(
      await runPhase({ workload, phase, cluster, testbed, commandOf: (node) => commands(node, image) }),
    )
  }
  return runs
}

type CommandOf = (node: number, image: BenchImage) => Promise<Command>

interface CommandsInit {
  readonly workload: Workload
  readonly cluster: Cluster
  readonly started: StartedContender
  /** Owns the containerds. */
  readonly resources: AsyncDisposableStack
}

/** How nodes pull in this workload, by this contender. */
async function commandsOf({ workload, cluster, started, resources }: CommandsInit): Promise<CommandOf> {
  if (workload.until === 'unpacked') {
    const containerds: Containerd[] = []
    for (const [index, node] of cluster.nodes.entries()) {
      const home = await cluster.directory(`c${index}`)
      const registry = 'registryOf' in started ? started.registryOf(index) : cluster.registry.host
      containerds.push(resources.use(await Containerd.start(home, registry, { machine: node })))
    }
    return async (node, image) => {
      const containerd = containerds[node] as Containerd
      if ('registryOf' in started) return containerd.pullCommand(`docker.io/${image.repository}:${image.tag}`)
      const { file, args, layout, env } = await started.pull(node, image)
      const load = containerd.importCommand()
      const script = `"$@" && tar -C ${layout} -c . | ${load.file} ${load.args.join(' ')}`
      return {
        file: 'bash',
        args: ['-o', 'pipefail', '-c', script, 'pull', file, ...args],
        ...(env && { env }),
      }
    }
  }
  return async (node, image) => {
    if (!('registryOf' in started)) return await started.pull(node, image)
    const command = pullFromRegistry(started.registryOf(node), image)
    return workload.firstByte ? { ...command, env: { FIRST_BYTE: '1' } } : command
  }
}

interface PhaseInit {
  readonly workload: Workload
  readonly phase: Phase
  readonly cluster: Cluster
  readonly testbed: Testbed
  readonly commandOf: (node: number) => Promise<Command>
}

async function runPhase({ workload, phase, cluster, testbed, commandOf }: PhaseInit): Promise<PhaseRun> {
  const { nodes, upstream, shared, registry } = cluster
  const others = [upstream, shared]
  const pulls = await pullsOf(nodes, commandOf)
  await Promise.all([...nodes, ...others].map(resetPeaks))
  const usageBefore = await usageOf([...nodes, ...others])
  const requestsBefore = (await registry.accesses()).length
  const linksBefore = await testbed.linkBytes()
  const cpuBefore = await machineCpu()
  const times = await pullOnNodes({
    pulls,
    atOnce: atOnceOf(workload, phase),
    timeoutMs: timeoutMsOf(workload),
  })
  const cpuAfter = await machineCpu()
  const linksAfter = await testbed.linkBytes()
  const usageAfter = await usageOf([...nodes, ...others])
  const requests = (await registry.accesses()).length - requestsBefore
  const sentBy = (host: Host): number => sent(linksAfter, host) - sent(linksBefore, host)
  const usedBy = (host: Host): HostUsage => {
    const { cpuSeconds, peakMemoryBytes } = usageAfter.get(host) as HostUsage
    const before = usageBefore.get(host)?.cpuSeconds ?? 0
    return { cpuSeconds: Math.max(0, cpuSeconds - before), peakMemoryBytes }
  }
  return {
    phase,
    times,
    upstreamBytes: sentBy(upstream),
    upstreamRequests: requests,
    wireBytes: testbed.hosts.reduce((sum, host) => sum + sentBy(host), 0),
    nodeUsage: nodes.map(usedBy),
    otherCpuSeconds: others.reduce((sum, host) => sum + usedBy(host).cpuSeconds, 0),
    machineBusy: (cpuAfter.busy - cpuBefore.busy) / (cpuAfter.total - cpuBefore.total),
  }
}

async function pullsOf(nodes: readonly Host[], commandOf: (node: number) => Promise<Command>) {
  return await Promise.all(nodes.map(async (host, index) => ({ host, command: await commandOf(index) })))
}

async function usageOf(hosts: readonly Host[]): Promise<ReadonlyMap<Host, HostUsage>> {
  return new Map(await Promise.all(hosts.map(async (host) => [host, await hostUsage(host)] as const)))
}

function sent(links: ReadonlyMap<Host, LinkBytes>, host: Host): number {
  return links.get(host)?.sent ?? 0
}
