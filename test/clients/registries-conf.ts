import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The configuration that has skopeo, podman and CRI-O pull docker.io's images through a shim; the path of the mirror names
 * the upstream, since these clients send no `ns`.
 *
 * @param server - where docker.io is when the shim is away, `http://<host>:<port>`
 */
export function registriesConf(shim: string, server?: string): string {
  const location =
    server === undefined ? 'location = "docker.io"' : `location = "${new URL(server).host}"\ninsecure = true`
  return `[[registry]]
prefix = "docker.io"
${location}
[[registry.mirror]]
location = "${shim}/docker.io"
insecure = true
`
}

/** Writes it into a directory; returns the file's path. */
export async function writeRegistriesConf(directory: string, shim: string, server?: string): Promise<string> {
  const file = join(directory, 'registries.conf')
  await writeFile(file, registriesConf(shim, server))
  return file
}
