import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import type { KubernetesObject } from '../../packages/chart/test/openapi.ts'
import { goTool } from '../harness/go-tool.ts'
import { Helm } from './helm.ts'

const namespace: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'shoal-system',
    // The pods use the node's network and some of its directories.
    labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
  },
}

const values = {
  image: { repository: 'registry.example.com/shoal' },
  clusterSecret: { existingSecret: 'shoal-cluster' },
}

export const examples = {
  install: new URL('../../examples/kubernetes/shoal.yaml', import.meta.url),
  restore: new URL('../../examples/kubernetes/restore.yaml', import.meta.url),
} as const

/** What the chart makes, for people without Helm: to install, and to restore the nodes. */
export async function plainManifests(helm: Helm): Promise<Record<keyof typeof examples, string>> {
  const objects = await helm.template(values)
  const isHook = ({ metadata }: KubernetesObject) => metadata.annotations?.['helm.sh/hook'] !== undefined
  const restoring = objects.filter((object) => isHook(object) && object.spec?.template !== undefined)
  const restore = restoring.filter(({ kind }) => kind === 'DaemonSet').map(withoutHelm)
  // It asks nothing of the API server.
  for (const { spec } of restore) delete spec.template.spec.serviceAccountName
  return {
    install: text('install', [namespace, ...objects.filter((object) => !isHook(object)).map(withoutHelm)]),
    restore: text('restore', restore),
  }
}

function text(purpose: string, objects: readonly KubernetesObject[]): string {
  const heading = `# To ${purpose}: see README.md beside this. Made from the chart by \`npm run chart:examples\`.\n`
  return (
    heading + objects.map((object) => `---\n${stringify(object, { lineWidth: 0, version: '1.1' })}`).join('')
  )
}

/** Helm's own labels and annotations would say what is not so. */
function withoutHelm(object: KubernetesObject): KubernetesObject {
  const copy = structuredClone(object)
  for (const metadata of [copy.metadata, copy.spec?.template?.metadata]) {
    delete metadata?.labels?.['app.kubernetes.io/managed-by']
    delete metadata?.labels?.['helm.sh/chart']
    if (metadata?.annotations === undefined) continue
    for (const key of Object.keys(metadata.annotations))
      if (key.startsWith('helm.sh/')) delete metadata.annotations[key]
    if (Object.keys(metadata.annotations).length === 0) delete metadata.annotations
  }
  return copy
}

if (import.meta.main) {
  const tool = await goTool('helm')
  if ('unavailable' in tool) throw new Error(tool.unavailable)
  await using helm = await Helm.create(tool.file)
  const manifests = await plainManifests(helm)
  await writeFile(examples.install, manifests.install)
  await writeFile(examples.restore, manifests.restore)
}
