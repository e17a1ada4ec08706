import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * Takes from each Kubernetes release's published API description what the chart's objects need, without the prose.
 * Run by hand when releases are added: needs Go, and its module proxy.
 */
const releases = ['v1.29.6', 'v1.33.13', 'v1.37.2']

const roots = [
  'io.k8s.api.apps.v1.DaemonSet',
  'io.k8s.api.batch.v1.Job',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.networking.v1.NetworkPolicy',
  'io.k8s.api.rbac.v1.Role',
  'io.k8s.api.rbac.v1.RoleBinding',
]

type Definitions = Record<string, unknown>

async function definitionsOf(release: string): Promise<Definitions> {
  const module = `k8s.io/kubernetes@${release}`
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module])
  const { Dir } = JSON.parse(stdout)
  return JSON.parse(await readFile(`${Dir}/api/openapi-spec/swagger.json`, 'utf8')).definitions
}

/** The definitions that the roots lead to. */
function reduced(definitions: Definitions): Definitions {
  const kept: Definitions = {}
  const wanted = [...roots]
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (name in kept) continue
    kept[name] = withoutProse(definitions[name], (reference) => wanted.push(reference))
  }
  return Object.fromEntries(Object.entries(kept).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function withoutProse(value: unknown, onReference: (name: string) => void): unknown {
  if (Array.isArray(value)) return value.map((entry) => withoutProse(entry, onReference))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(
    // A property may be called description: then it is no text.
    ([key, inner]) => !(key === 'description' && typeof inner === 'string') && !isExtension(key),
  )
  return Object.fromEntries(
    entries.map(([key, inner]) => {
      if (key === '$ref' && typeof inner === 'string') onReference(inner.replace('#/definitions/', ''))
      return [key, withoutProse(inner, onReference)]
    }),
  )
}

function isExtension(key: string): boolean {
  return key.startsWith('x-kubernetes-') && key !== 'x-kubernetes-group-version-kind'
}

for (const release of releases) {
  const file = new URL(`../test/openapi/kubernetes-${release}.json`, import.meta.url)
  await writeFile(
    file,
    `${JSON.stringify({ release, definitions: reduced(await definitionsOf(release)) })}\n`,
  )
}
