import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { addImage, type MemoryImage, type MemoryRepository } from '../harness/memory-registry.ts'
import { run } from '../harness/run.ts'

const mebibyte = 1024 * 1024
const layerSizes = [8, 8, 8, 4, 4].map((size) => size * mebibyte)

/**
 * Puts an image that nobody has into a repository: five layers with a file of random bytes in each.
 *
 * @param home - an empty directory
 */
export async function addLayeredImage(
  home: string,
  repository: MemoryRepository,
  tag: string,
): Promise<MemoryImage> {
  const layers: Uint8Array[] = []
  for (const [index, size] of layerSizes.entries()) {
    const tree = join(home, `tree-${index}`)
    await mkdir(tree)
    await writeFile(join(tree, `file-${index}`), randomBytes(size))
    await run('tar', ['-C', tree, '-cf', `${tree}.tar`, '.'])
    layers.push(await readFile(`${tree}.tar`))
  }
  return addImage(repository, tag, layers)
}

/** Compares the files of an image that was pulled with those that went into it. */
export async function verifyLayers(t: ExecutionContext, root: string, image: MemoryImage): Promise<void> {
  for (const [index, { bytes }] of image.layers.entries()) {
    const content = await readFile(join(root, `file-${index}`))
    // A tar header of 512 bytes for the directory, another for the file.
    const expected = bytes.subarray(2 * 512, 2 * 512 + content.length)
    t.is(content.length, layerSizes[index] ?? 0)
    t.is(sha256(content), sha256(expected), `file ${index}`)
  }
}

export function imageBytes({ layers }: MemoryImage): number {
  return layers.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
