import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { loadConfig } from '../../packages/agent/dist/config/load-config.js'
import { listSettings } from '../../packages/agent/dist/config/setting-list.js'
import { chartDefaults } from '../../packages/chart/scripts/generate.ts'
import { type KubernetesObject, releases, schemaOf } from '../../packages/chart/test/openapi.ts'
import { goTool } from '../harness/go-tool.ts'
import { Helm, type Values } from './helm.ts'
import { sampleSettings } from './sample-settings.ts'
import { valuesTable } from './values-table.ts'

const tool = await goTool('helm')
const helm = 'file' in tool ? await Helm.create(tool.file) : undefined
const schemas = await Promise.all(
  (await releases()).map(async (release) => ({ release, validate: await schemaOf(release) })),
)
test.after.always(() => helm?.[Symbol.asyncDispose]())

/** A test that needs helm; skipped, by its title, where there is none. */
function withHelm(
  title: string,
  implementation: (t: import('ava').ExecutionContext, helm: Helm) => Promise<void>,
): void {
  if (helm !== undefined) test(title, (t) => implementation(t, helm))
  else test.skip(`${title} [${'unavailable' in tool ? tool.unavailable : ''}]`, () => {})
}

for (const [title, values] of Object.entries(valuesTable)) {
  withHelm(`${title}: lints without a warning`, async (t, helm) => {
    await t.notThrowsAsync(helm.lint(values))
  })

  for (const { release, validate } of schemas) {
    withHelm(`${title}: Kubernetes ${release} takes every object`, async (t, helm) => {
      const objects = await helm.template(values, { kubernetes: release })
      t.true(objects.length >= 4)
      // Of the Prometheus Operator, which brings its own description.
      const own = objects.filter(({ kind }) => kind !== 'ServiceMonitor')
      t.deepEqual(own.flatMap(validate), [])
    })
  }

  withHelm(`${title}: no two objects have one name`, async (t, helm) => {
    const names = (await helm.template(values)).map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    t.deepEqual(names, [...new Set(names)])
    for (const name of names) t.true((name.split(' ')[1] ?? '').length <= 63, name)
  })

  withHelm(`${title}: the agent takes the configuration`, async (t, helm) => {
    const { settings, warnings } = await configOf(await helm.template(values))
    t.deepEqual(warnings, [])
    t.regex(
      settings.swarm.bootstrap[0] ?? '',
      /^\/dns\/[a-z-]+\.shoal-system\.svc\.cluster\.local\/tcp\/\d+$/,
    )
  })

  withHelm(`${title}: no container may do more than it needs`, async (t, helm) => {
    for (const { title, container, pod } of containersOf(await helm.template(values))) {
      const { capabilities, ...context } = container.securityContext
      t.deepEqual(capabilities, { drop: ['ALL'] }, title)
      t.like(context, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true }, title)
      t.is(pod.securityContext.seccompProfile.type, 'RuntimeDefault', title)
      const root = ['data-directory', 'installer', 'restore']
      const isRoot = (context.runAsUser ?? pod.securityContext.runAsUser) === 0
      t.is(isRoot, root.includes(container.name), `${title} runs as root`)
    }
  })
}

withHelm('every setting of the agent’s schema reaches its configuration', async (t, helm) => {
  const { values, expected } = sampleSettings(listSettings(chartDefaults))
  const { settings } = await configOf(await helm.template({ settings: values }))
  for (const [path, value] of expected) {
    const got = path
      .split('.')
      .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], settings)
    if (path === 'swarm.bootstrap') t.deepEqual((got as string[]).slice(1), value as string[], path)
    else t.deepEqual(got, value, path)
  }
})

const refused: Readonly<Record<string, { values: Values; says: RegExp }>> = {
  'no image': { values: { image: {} }, says: /image\.repository: name where you pushed the image/ },
  'a setting that there is not': { values: { settings: { registry: { lisen: 'x' } } }, says: /lisen/ },
  'a level that there is not': { values: { settings: { log: { level: 'loud' } } }, says: /level/ },
  'a value that there is not': { values: { hostNetwrk: true }, says: /hostNetwrk/ },
  'a runtime that there is not': { values: { node: { runtime: 'lxc' } }, says: /runtime/ },
}
for (const [title, { values, says }] of Object.entries(refused)) {
  withHelm(`${title} is refused before anything is rendered`, async (t, helm) => {
    await t.throwsAsync(helm.template(values), { message: says })
  })
}

withHelm('the shim is reached from the node only', async (t, helm) => {
  const ports = async (values: Values) => {
    const objects = await helm.template(values)
    const [port] = agentOf(objects).ports
    return { listen: (await configOf(objects)).settings.registry.listen, hostIP: port.hostIP }
  }
  t.deepEqual(await ports({}), { listen: '127.0.0.1:5005', hostIP: undefined })
  t.deepEqual(await ports({ hostNetwork: false }), { listen: '0.0.0.0:5005', hostIP: '127.0.0.1' })
  const policies = (await helm.template({ hostNetwork: false })).filter(
    ({ kind }) => kind === 'NetworkPolicy',
  )
  t.deepEqual(
    policies[0]?.spec.ingress.flatMap(({ ports }: { ports: { port: number }[] }) =>
      ports.map(({ port }) => port),
    ),
    [5006],
  )
})

withHelm(
  'only the installer and the hook mount directories of the node’s runtime, and only those',
  async (t, helm) => {
    const objects = await helm.template({})
    for (const { title, container } of containersOf(objects)) {
      const mounts = (container.volumeMounts ?? []).map(({ mountPath }: { mountPath: string }) => mountPath)
      const ofNode = mounts.filter((path: string) => path.startsWith('/host'))
      const expected = ['installer', 'restore'].includes(container.name)
        ? ['/host/var/lib/shoal-install', '/host/etc/containerd', '/host/run/containerd']
        : []
      t.deepEqual(ofNode, expected, title)
    }
  },
)

for (const [title, containerdContent] of [
  ['containerd’s root', '/var/lib/containerd/'],
  ['its content store', '/var/lib/containerd/io.containerd.content.v1.content'],
] as const) {
  withHelm(
    `of ${title} only the agent mounts something: the blobs, at their own path, to read`,
    async (t, helm) => {
      const objects = await helm.template({ settings: { cache: { containerdContent } } })
      const blobs = '/var/lib/containerd/io.containerd.content.v1.content/blobs'
      for (const { title, container, pod } of containersOf(objects)) {
        const mounts: { name: string; mountPath: string; readOnly?: boolean }[] = container.volumeMounts ?? []
        const expected = [{ name: 'containerd-blobs', mountPath: blobs, readOnly: true }]
        const found = mounts.filter(({ mountPath }) => mountPath.includes('var/lib/containerd'))
        t.deepEqual(found, container.name === 'agent' ? expected : [], title)
        if (container.name !== 'agent') continue
        const volume = pod.volumes.find(({ name }: { name: string }) => name === 'containerd-blobs')
        t.deepEqual(volume.hostPath, { path: blobs, type: 'Directory' })
      }
      t.is((await configOf(objects)).settings.cache.containerdContent, containerdContent)
    },
  )
}

withHelm('an update never needs the agent that it replaces', async (t, helm) => {
  const daemonSet = (await helm.template({})).find(({ kind }) => kind === 'DaemonSet')
  // Two agents can't have one port, and the old one gives way before the new one's image is pulled.
  t.deepEqual(daemonSet?.spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: 0, maxUnavailable: '10%' },
  })
  t.is(agentOf(await helm.template({})).imagePullPolicy, 'IfNotPresent')
})

withHelm('a pod is given longer to end than pulls are given to come to theirs', async (t, helm) => {
  const graceOf = async (values: Values) =>
    (await helm.template(values)).find(({ kind }) => kind === 'DaemonSet')?.spec.template.spec
      .terminationGracePeriodSeconds
  t.is(await graceOf({}), 70)
  t.is(await graceOf({ settings: { registry: { drain: '300s' } } }), 310)
  t.is(await graceOf({ settings: { registry: { drain: null } } }), 14)
  t.is(await graceOf({ terminationGracePeriodSeconds: 600 }), 600)
})

interface PodContainer {
  readonly title: string
  // biome-ignore lint/suspicious/noExplicitAny: as rendered
  readonly container: any
  // biome-ignore lint/suspicious/noExplicitAny: as rendered
  readonly pod: any
}

function containersOf(objects: readonly KubernetesObject[]): PodContainer[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    const pod = spec?.template?.spec
    if (pod === undefined) return []
    return [...(pod.initContainers ?? []), ...pod.containers].map((container) => ({
      title: `${kind} ${metadata.name}, ${container.name}`,
      container,
      pod,
    }))
  })
}

// biome-ignore lint/suspicious/noExplicitAny: as rendered
function agentOf(objects: readonly KubernetesObject[]): any {
  return containersOf(objects).find(({ container }) => container.name === 'agent')?.container
}

/** What the agent makes of the ConfigMap; the secret files that it names are made for the occasion. */
async function configOf(objects: readonly KubernetesObject[]) {
  const text = objects.find(({ data }) => data?.['config.yaml'] !== undefined)?.data['config.yaml']
  const directory = await mkdtemp(join(tmpdir(), 'shoal-chart-'))
  try {
    const secret = join(directory, 'secret')
    await writeFile(secret, 'x'.repeat(40), { mode: 0o600 })
    const file = join(directory, 'config.yaml')
    const tree = parse(text)
    tree.cluster.secretFile = secret
    for (const upstream of Object.values<{ passwordFile?: string }>(tree.upstreams.registries)) {
      if (upstream.passwordFile !== undefined) upstream.passwordFile = secret
    }
    await writeFile(file, JSON.stringify(tree))
    return await loadConfig({
      flags: new Map([['--config', file]]),
      unknownArguments: [],
      environment: {},
      defaults: { dataDir: '/nowhere' },
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
