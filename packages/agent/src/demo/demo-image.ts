import type { AbortOptions } from '@shoal/content'
import { walkTree } from './file-tree.ts'
import { buildImage, demoRequirements } from './image-builder.ts'
import { installedPackages, nodeRuntime, planLayers, systemLibraries } from './layer-plan.ts'
import type { TarEntry } from './tar-stream.ts'

/** Where further files come from when the runtime and the packages are too small for the demonstration. */
const systemTrees = ['/usr/share', '/usr/lib', '/usr/bin']

/** Makes the demonstration's image of this machine's Node runtime and installed packages. */
export async function buildDemoImage(directory: string, options: AbortOptions = {}): Promise<void> {
  const base = await systemLibraries()
  const node = await nodeRuntime()
  const packages = await installedPackages(import.meta.dirname)
  const layers = planLayers(base, node, packages)
  await buildImage(directory, { layers, more: systemFiles(), requirements: demoRequirements }, options)
}

async function* systemFiles(): AsyncGenerator<TarEntry> {
  for (const tree of systemTrees) yield* walkTree(tree, tree.slice(1))
}
