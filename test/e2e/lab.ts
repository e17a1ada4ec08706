import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PulledImage, pullImage } from '../../packages/agent/dist/demo/image-puller.js'
import { imageBytes } from '../../packages/agent/dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../../packages/agent/dist/demo/upstream-registry.js'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { type SmallImage, writeSmallImage } from './small-image.ts'

const image = { namespace: 'lab.registry', name: 'shoal/lab', tag: 'v1' }

export interface Lab extends AsyncDisposable {
  readonly image: SmallImage
  readonly imageBytes: number
  readonly upstream: UpstreamRegistry
  readonly nodes: readonly SwarmNode[]
  readonly secretFile: string
  /** `<registry>=<url>` */
  readonly upstreamFlag: string
  directory(name: string): string
}

/** An origin with a small image, and agents that have it as an upstream. */
export async function startLab(init: { nodes: number; layerSizes: readonly number[] }): Promise<Lab> {
  await using started = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'shoal-e2e-'))
  started.defer(() => rm(root, { recursive: true, force: true }))
  const small = await writeSmallImage(join(root, 'image'), init.layerSizes)
  const upstream = await UpstreamRegistry.start({ layout: small.layout, ...image })
  started.defer(() => upstream.stop())
  const upstreamFlag = `${image.namespace}=${upstream.url}`
  const swarm = started.use(
    await startSwarm({ nodes: init.nodes, directory: root, upstreams: [upstreamFlag] }),
  )
  const held = started.move()
  return {
    image: small,
    imageBytes: imageBytes(small.layout),
    upstream,
    nodes: swarm.nodes,
    secretFile: swarm.secretFile,
    upstreamFlag,
    directory: (name) => join(root, name),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/**
 * Pulls the lab's image through the node's shim, and waits until the node has stored it if that can be seen. Throws
 * unless every digest verified.
 */
export async function pullThrough(
  node: Pick<SwarmNode, 'shim'> & Partial<Pick<SwarmNode, 'stored'>>,
  onBytes?: (bytes: number) => void,
): Promise<PulledImage> {
  const pulled = await pullImage({ registry: node.shim, ...image, ...(onBytes && { onBytes }) })
  await node.stored?.()
  return pulled
}
