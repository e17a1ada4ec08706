import { readFile } from 'node:fs/promises'
import test from 'ava'
import { parseAllDocuments } from 'yaml'
import { type KubernetesObject, releases, schemaOf } from './openapi.ts'

// All that is awaited comes first: AVA takes no tests that are declared later.
const known = await releases()
const directory = new URL('../../../examples/kubernetes/', import.meta.url)

for (const name of ['shoal.yaml', 'restore.yaml']) {
  for (const release of known) {
    test(`Kubernetes ${release} takes every object of the plain manifests in ${name}`, async (t) => {
      const documents = parseAllDocuments(await readFile(new URL(name, directory), 'utf8'))
      const objects = documents.map((document) => document.toJS() as KubernetesObject)
      const validate = await schemaOf(release)
      t.deepEqual(objects.flatMap(validate), [])
    })
  }
}

test('what Kubernetes does not have is told from what it has', async (t) => {
  const documents = parseAllDocuments(await readFile(new URL('shoal.yaml', directory), 'utf8'))
  const [daemonSet] = documents.map((document) => document.toJS()).filter(({ kind }) => kind === 'DaemonSet')
  for (const release of known) {
    const validate = await schemaOf(release)
    const broken = structuredClone(daemonSet)
    broken.spec.template.spec.containers[0].imagePullPolice = 'Always'
    t.is(validate(broken).length, 1)
    t.is(validate({ ...daemonSet, apiVersion: 'apps/v1beta1' }).length, 1)
  }
})
