import { resolve } from 'node:path'
import type { Host } from '../../testbed/host.ts'
import type { BenchImage } from './bench-image.ts'
import type { Cluster, Contender } from './contender.ts'

/**
 * A contender that is a program of somebody else's; README.md has its contract.
 *
 * @param option - `<name>=<program>`
 * @throws Error for an option that can't be read
 */
export function scriptContender(option: string): Contender {
  const [, name, path] = /^([a-z0-9-]+)=(.+)$/.exec(option) ?? []
  if (name === undefined || path === undefined)
    throw new Error(`--peer ${option}: expected <name>=<program>, the name in lower case`)
  const program = resolve(path)
  return {
    name,
    async start(cluster) {
      await using started = new AsyncDisposableStack()
      const homes: string[] = []
      const registries: (string | undefined)[] = []
      const hosts = [cluster.upstream, cluster.shared, ...cluster.nodes]
      for (const host of hosts) {
        const home = await cluster.directory(`${name}-${host.name}`)
        homes.push(home)
        const daemon = await host.start({
          name: `${program} start ${host.name}`,
          file: program,
          args: ['start', host.name],
          env: environmentOf(cluster, host, home),
          ready: (line) => line === 'ready' || line.startsWith('registry '),
        })
        started.use(daemon)
        registries.push(/^registry (\S+)$/.exec(daemon.readyLine)?.[1])
      }
      const [first, ...others] = registries.slice(2)
      if (others.some((registry) => (registry === undefined) !== (first === undefined)))
        throw new Error(`${program} names a registry on some nodes only`)
      const held = started.move()
      const dispose = { [Symbol.asyncDispose]: () => held.disposeAsync() }
      if (first !== undefined) return { registryOf: (node) => registries[node + 2] as string, ...dispose }
      return {
        async pull(node, image) {
          const host = cluster.nodes[node] as Host
          const home = homes[node + 2] as string
          const env = { ...environmentOf(cluster, host, home), ...imageEnvironment(image) }
          return { file: program, args: ['pull', host.name], env, layout: `${home}/layout` }
        },
        ...dispose,
      }
    },
  }
}

function environmentOf({ nodes, registry, images }: Cluster, host: Host, home: string) {
  return {
    BENCH_ADDRESS: host.address,
    BENCH_NODES: nodes.map(({ address }) => address).join(' '),
    BENCH_UPSTREAM: registry.host,
    BENCH_IMAGES: images.map(({ repository, tag }) => `${repository}:${tag}`).join(' '),
    BENCH_LAYOUTS: images.map(({ layout }) => layout).join(' '),
    BENCH_DIRECTORY: home,
  }
}

function imageEnvironment({ repository, tag, manifest, config, layers }: BenchImage) {
  return {
    BENCH_REPOSITORY: repository,
    BENCH_TAG: tag,
    BENCH_DIGESTS: [manifest, config, ...layers].map(({ digest }) => digest).join(' '),
  }
}
