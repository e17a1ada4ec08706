import { parseRegistryHost } from '@shoal/content'
import type { MirrorSettings, UpstreamSettings } from '@shoal/upstream'
import { readSecretFile, readTextFile } from './text-file.ts'
import type { EndpointSettings, UpstreamSection } from './upstream-schema.ts'

/** A bundle of all public authorities has 250 KiB. */
const maxCertificateBytes = 1024 * 1024

/** What was read, and a line for each file that could not be. */
export interface ReadUpstreams {
  readonly upstreams: readonly UpstreamSettings[]
  readonly problems: readonly string[]
}

/**
 * Reads the files that the upstreams' settings name.
 *
 * @param name how the person wrote the section, for problem lines
 */
export async function readUpstreams(
  sections: Readonly<Record<string, UpstreamSection>>,
  name: string,
): Promise<ReadUpstreams> {
  const problems: string[] = []
  const upstreams: UpstreamSettings[] = []
  for (const [host, { tokenService, shared, mirrors, ...endpoint }] of Object.entries(sections)) {
    const registry = parseRegistryHost(host)
    if (upstreams.some((earlier) => earlier.registry === registry)) {
      problems.push(`${name}: ${registry} is named twice, expected one URL for it`)
    }
    const own = `${name}.${host}`
    const read = (settings: EndpointSettings, of: string) => readEndpoint(settings, of, problems)
    upstreams.push({
      registry,
      ...(await read(endpoint, own)),
      ...(tokenService === undefined ? {} : { tokenService }),
      ...(shared === undefined ? {} : { shared }),
      ...(mirrors === undefined
        ? {}
        : { mirrors: await Promise.all(mirrors.map((one, index) => read(one, `${own}.mirrors.${index}`))) }),
    })
  }
  return { upstreams, problems }
}

async function readEndpoint(
  settings: EndpointSettings,
  name: string,
  problems: string[],
): Promise<MirrorSettings> {
  const { url, username, passwordFile, caFile, certFile, keyFile, maxConnections, requestsPerSecond } =
    settings
  const take = <T extends { text: string } | { problem: string }>(
    key: string,
    file: T,
  ): string | undefined => {
    if ('problem' in file) problems.push(`${name}.${key}: ${file.problem}`)
    return 'text' in file ? file.text : undefined
  }
  const secret = async (key: string, path: string | undefined) =>
    path === undefined ? undefined : take(key, await readSecretFile(path))
  const certificates = async (key: string, path: string | undefined) =>
    path === undefined ? undefined : take(key, await readTextFile(path, maxCertificateBytes))

  const password = await secret('passwordFile', passwordFile)
  const ca = await certificates('caFile', caFile)
  const cert = await certificates('certFile', certFile)
  const key = await secret('keyFile', keyFile)
  return {
    url,
    ...(username === undefined || password === undefined ? {} : { username, password }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  }
}
