import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Writes the configuration that has skopeo and podman pull docker.io's images through a shim; the path of the
 * mirror names the upstream, since these clients send no `ns`. Returns the file's path.
 */
export async function writeRegistriesConf(directory: string, shim: string): Promise<string> {
  const file = join(directory, 'registries.conf')
  await writeFile(
    file,
    `[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "${shim}/docker.io"
insecure = true
`,
  )
  return file
}
