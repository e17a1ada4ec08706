import type { DockerRegistry } from '../../harness/docker-registry.ts'
import type { Host } from '../../testbed/host.ts'
import type { BenchImage } from './bench-image.ts'
import type { Command } from './pull.ts'

/** Where a contender runs: hosts on one switch, and a registry that has the images. */
export interface Cluster {
  /** Runs the registry. */
  readonly upstream: Host
  /** A host beside the nodes, with a link like theirs, for what a cluster has once. */
  readonly shared: Host
  readonly nodes: readonly Host[]
  readonly registry: DockerRegistry
  readonly images: readonly BenchImage[]
  /** Makes an empty directory for a program's state. */
  directory(name: string): Promise<string>
}

/** One way to get images from a registry to nodes. */
export interface Contender {
  readonly name: string
  /** Starts all that runs before an image is wanted, and returns when it is ready. */
  start(cluster: Cluster): Promise<StartedContender>
}

/** A contender has a registry for each node's runtime, or a command of its own that pulls. */
export type StartedContender = AsyncDisposable & (RegistryContender | CommandContender)

export interface RegistryContender {
  /** Where a node's runtime finds the image: `<host>:<port>`, seen from that node. */
  registryOf(node: number): string
}

export interface CommandContender {
  /** Runs on the node and ends when the whole image is there, in an OCI layout. */
  pull(node: number, image: BenchImage): Promise<Command & { readonly layout: string }>
}
