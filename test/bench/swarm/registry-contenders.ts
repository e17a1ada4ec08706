import { DockerRegistry } from '../../harness/docker-registry.ts'
import type { Contender } from './contender.ts'

/** Every node pulls from the registry. */
export const direct: Contender = {
  name: 'direct',
  start: async ({ registry }) => ({
    registryOf: () => registry.host,
    [Symbol.asyncDispose]: async () => {},
  }),
}

/** Every node pulls through one docker-registry of the cluster, which is a pull-through cache. */
export const proxy: Contender = {
  name: 'proxy',
  async start({ shared, registry, directory }) {
    const cache = await DockerRegistry.start({
      directory: await directory('proxy'),
      listen: `${shared.address}:5000`,
      proxyOf: `http://${registry.host}`,
      machine: shared,
    })
    return { registryOf: () => cache.host, [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose]() }
  },
}
