import { join } from 'node:path'
import { DockerRegistry } from '../../harness/docker-registry.ts'
import type { Workspace } from '../../harness/workspace.ts'
import { type BenchImage, buildImage } from './bench-image.ts'
import { phasesOf, type Workload } from './workload.ts'

const warmUpImages = 4
const warmUpBytes = 4e6

/** Builds the images of workloads, once each, and keeps them as a registry stores them. */
export class ImageStore {
  /** What registries are started with. */
  readonly storage: string
  readonly #workspace: Workspace
  readonly #images = new Map<string, BenchImage>()

  private constructor(workspace: Workspace, storage: string) {
    this.#workspace = workspace
    this.storage = storage
  }

  static async open(workspace: Workspace): Promise<ImageStore> {
    return new ImageStore(workspace, await workspace.directory('storage'))
  }

  /** One for each phase of a workload. They share no byte. */
  async imagesOf(workload: Workload): Promise<BenchImage[]> {
    const images: BenchImage[] = []
    for (const phase of phasesOf(workload)) images.push(await this.#image(workload, phase))
    return images
  }

  /** Small ones, of which nobody counts the time. */
  async warmUp(): Promise<BenchImage[]> {
    const images: BenchImage[] = []
    while (images.length < warmUpImages) {
      images.push(await this.#image({ bytes: warmUpBytes, layers: 1 }, `warm-up-${images.length + 1}`))
    }
    return images
  }

  async #image({ bytes, layers }: Pick<Workload, 'bytes' | 'layers'>, phase: string): Promise<BenchImage> {
    const name = `${bytes}-${layers}-${phase}`
    const known = this.#images.get(name)
    if (known !== undefined) return known
    const layout = join(this.#workspace.path, name)
    const image = await buildImage({ layout, repository: `bench/${name}`, bytes, layers })
    await using directory = await this.#workspace.temporary('push')
    await using registry = await DockerRegistry.start({ directory: directory.path, storage: this.storage })
    await registry.push(image.repository, image)
    await registry.pushIndex(image.repository, image.tag, image.index)
    this.#images.set(name, image)
    return image
  }
}
