import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { DockerRegistry } from '../harness/docker-registry.ts'
import { installPackages } from '../harness/install.ts'
import { Workspace } from '../harness/workspace.ts'
import { type DebianImage, debianImage, indexOf } from './image.ts'

/** A docker-registry with the image, and a swarm of three nodes that has it for docker.io. */
export interface Lab extends AsyncDisposable {
  readonly image: DebianImage
  /** Where docker.io has the image. */
  readonly repository: string
  readonly registry: DockerRegistry
  readonly nodes: readonly SwarmNode[]
  readonly workspace: Workspace
}

/** A name that the real docker.io does not have, so that no pull can succeed by going there. */
const repository = 'library/shoal-client-test'

/** What the suite runs, by Debian package. */
export const clientPackages = [
  'containerd',
  'curl',
  'debootstrap',
  'docker-registry',
  'docker.io',
  'podman',
  'runc',
  'skopeo',
  'umoci',
]

/** Installs and builds what is missing, and starts everything. */
export async function startLab(): Promise<Lab> {
  await installPackages(clientPackages, 'npm run test:clients')
  const image = await debianImage()
  await using started = new AsyncDisposableStack()
  const workspace = started.use(await Workspace.create('clients'))
  const registry = started.use(
    await DockerRegistry.start({ directory: await workspace.directory('registry') }),
  )
  await registry.push(repository, image)
  await registry.pushIndex(repository, image.tag, indexOf(image).body)
  const directory = await workspace.directory('swarm')
  const { nodes } = started.use(
    await startSwarm({ nodes: 3, directory, upstreams: [`docker.io=http://${registry.host}`] }),
  )
  const held = started.move()
  return { image, repository, registry, nodes, workspace, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
