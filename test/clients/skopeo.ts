import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../harness/run.ts'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { writeRegistriesConf } from './registries-conf.ts'

/** skopeo, copying into an OCI image layout. It knows only the manifest that it chose from the index. */
export const skopeo: Client = {
  name: 'skopeo',
  program: 'skopeo',
  pull,
  digestOf: ({ manifest }) => manifest.digest,
}

async function pull({
  shim,
  repository,
  tag,
  directory,
  host = thisHost,
}: PullRequest): Promise<PulledImage> {
  const configuration = await writeRegistriesConf(directory, shim)
  const layout = join(directory, 'layout')
  const source = `docker://docker.io/${repository}:${tag}`
  await host.machine.run('skopeo', [
    '--registries-conf',
    configuration,
    'copy',
    '--preserve-digests',
    source,
    `oci:${layout}:${tag}`,
  ])
  const bundle = join(directory, 'bundle')
  await run('umoci', ['unpack', '--image', `${layout}:${tag}`, bundle])
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[]
  }
  return {
    digest: index.manifests[0]?.digest ?? 'none',
    root: join(bundle, 'rootfs'),
    async [Symbol.asyncDispose]() {
      // Only files, which go with the directory.
    },
  }
}
