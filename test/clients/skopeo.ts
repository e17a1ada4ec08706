import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../harness/run.ts'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { writeRegistriesConf } from './registries-conf.ts'

/** skopeo, copying into an OCI image layout. It knows only the manifest that it chose from the index. */
export const skopeo = skopeoWith('skopeo')

/** As who uses it in scripts should: by itself it tries once. */
export const skopeoThatRetries = skopeoWith('skopeo --retry-times 3', ['--retry-times', '3'])

function skopeoWith(name: string, flags: readonly string[] = []): Client {
  return {
    name,
    program: 'skopeo',
    pull: (request) => pull(request, flags),
    digestOf: ({ manifest }) => manifest.digest,
  }
}

async function pull(
  { shim, server, repository, tag, directory, host = thisHost }: PullRequest,
  flags: readonly string[],
): Promise<PulledImage> {
  const configuration = await writeRegistriesConf(directory, shim, server)
  const layout = join(directory, 'layout')
  const source = `docker://docker.io/${repository}:${tag}`
  await host.machine.run('skopeo', [
    '--registries-conf',
    configuration,
    'copy',
    ...flags,
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
