import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface PullTarget {
  /** For people: `node 1`. */
  readonly node: string
  /** `host:port` of a node's shim. */
  readonly registry: string
  /** The registry that the image names. */
  readonly namespace: string
  readonly name: string
  readonly tag: string
  /** Where files for the clients may be written. */
  readonly workDir: string
}

/** Writes what clients need beside their command line, and says how to pull with each of them. */
export async function pullInstructions(target: PullTarget): Promise<string> {
  const { node, registry, namespace, name, tag, workDir } = target
  const image = `${namespace}/${name}:${tag}`
  const hostsDir = join(workDir, 'containerd')
  const hosts = `[host."http://${registry}"]\n  capabilities = ["pull", "resolve"]\n`
  await mkdir(join(hostsDir, namespace), { recursive: true })
  await writeFile(join(hostsDir, namespace, 'hosts.toml'), hosts)
  const registriesConf = join(workDir, 'registries.conf')
  const mirror = registriesMirror(registry, namespace)
  await writeFile(registriesConf, mirror)

  return `
Pull the image from any node; here from ${node}, ${registry}.

  curl        curl -i 'http://${registry}/v2/${name}/manifests/${tag}?ns=${namespace}'

  docker      docker pull ${registry}/${namespace}/${name}:${tag}

  containerd  ctr images pull --hosts-dir ${hostsDir} ${image}
              with ${join(hostsDir, namespace, 'hosts.toml')}:
${indent(hosts)}
  podman      CONTAINERS_REGISTRIES_CONF=${registriesConf} podman pull ${image}
              or, as /etc/containers/registries.conf.d/50-shoal-demo.conf:
${indent(mirror)}
  skopeo      skopeo copy --src-tls-verify=false docker://${registry}/${namespace}/${name}:${tag} oci:demo-image:${tag}
`
}

/** containers/image sends no \`ns\`: the mirror's path says which registry is meant. */
function registriesMirror(registry: string, namespace: string): string {
  return [
    '[[registry]]',
    `prefix = "${namespace}"`,
    `location = "${namespace}"`,
    '[[registry.mirror]]',
    `location = "${registry}/${namespace}"`,
    'insecure = true',
    '',
  ].join('\n')
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `                ${line}\n`)
    .join('')
}
