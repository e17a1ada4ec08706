import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { Containerd } from '../harness/containerd.ts'
import { installPackages } from '../harness/install.ts'
import { run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import { type DebianImage, debianImage } from './image.ts'
import { clientPackages } from './lab.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))
const name = 'registry.test/library/debian:v1'
/** Building the image takes most of it, the first time. */
const timeoutMs = 1_200_000

test('what skopeo wrote as a docker-archive comes in, and goes out as a layout that skopeo and containerd take', async (t) => {
  t.timeout(timeoutMs)
  await installPackages(clientPackages, 'npm run test:clients')
  const image = await debianImage()
  await using workspace = await Workspace.create('files')
  const path = (file: string) => join(workspace.path, file)
  const cache = (...args: string[]) =>
    run(process.execPath, [cli, 'cache', '--data-dir', path('data'), ...args])

  await run('skopeo', [
    'copy',
    `oci:${image.layout}:${image.tag}`,
    `docker-archive:${path('saved.tar')}:${name}`,
  ])
  t.regex(await cache('import', path('saved.tar')), /^imported registry\.test\/library\/debian:v1 /)
  await cache('export', name, path('layout'))
  await cache('export', name, path('layout.tar'))

  // skopeo checks each digest of what it copies.
  await run('skopeo', ['copy', `oci:${path('layout')}`, `dir:${path('copied')}`])
  const { config } = JSON.parse(await readFile(path('copied/manifest.json'), 'utf8')) as Manifest
  t.deepEqual(
    await diffIdsIn(path('copied'), config.digest),
    await diffIdsIn(layoutBlobs(image), image.config.digest),
  )

  await using containerd = await Containerd.start(await workspace.directory('containerd'), '127.0.0.1:1')
  const { file, args } = containerd.importCommand()
  await run(file, [...args.slice(0, -1), path('layout.tar')])
  t.regex(
    await run(file, [...args.slice(0, 4), 'images', 'check']),
    /registry\.test\/library\/debian:v1 .*complete/,
  )
})

interface Manifest {
  readonly config: { readonly digest: string }
}

function layoutBlobs({ layout }: DebianImage): string {
  return join(layout, 'blobs', 'sha256')
}

/** The layers as they are unpacked, by which an image is the same however its layers are packed. */
async function diffIdsIn(directory: string, configDigest: string): Promise<string[]> {
  const bytes = await readFile(join(directory, configDigest.replace('sha256:', '')))
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (`sha256:${actual}` !== configDigest) throw new Error(`${configDigest} has the digest ${actual}`)
  return (JSON.parse(bytes.toString()) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids
}
