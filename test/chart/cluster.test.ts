import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { goTool } from '../harness/go-tool.ts'
import { ControlPlane, controlPlaneTools } from './control-plane.ts'
import { chart, Helm, type Values, valuesFlags } from './helm.ts'
import { HollowNodes } from './hollow-nodes.ts'

const namespace = 'shoal-system'
const helmTool = await goTool('helm')
const planeTools = await controlPlaneTools()
const waitMs = 60_000

interface Cluster extends AsyncDisposable {
  readonly plane: ControlPlane
  readonly nodes: HollowNodes
  helm(...args: readonly string[]): Promise<string>
  install(values?: Values): Promise<string>
  upgrade(values: Values): Promise<string>
}

async function startCluster(nodeNames: readonly string[]): Promise<Cluster> {
  if ('unavailable' in helmTool || 'unavailable' in planeTools) throw new Error('asked for without its tools')
  await using started = new AsyncDisposableStack()
  const plane = started.use(await ControlPlane.start(planeTools))
  const nodes = started.use(new HollowNodes(plane))
  for (const name of nodeNames) await nodes.add(name)
  const program = started.use(await Helm.create(helmTool.file))
  const helm = (...args: readonly string[]) =>
    program.run([...args, '--namespace', namespace], { KUBECONFIG: plane.kubeconfig })
  const apply = (command: string, values: Values) =>
    helm(...[command, 'shoal', chart, '--wait', '--timeout', '90s', ...valuesFlags(values)])
  const held = started.move()
  return {
    plane,
    nodes,
    helm,
    install: (values = {}) => apply('install', values),
    upgrade: (values) => apply('upgrade', values),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function withCluster(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  const missing = [helmTool, planeTools].find((tool) => 'unavailable' in tool)
  if (missing === undefined) test.serial(title, implementation)
  else test.skip(`${title} [${'unavailable' in missing ? missing.unavailable : ''}]`, () => {})
}

withCluster('the add-on is installed on every node, upgraded, and removed without a trace', async (t) => {
  await using cluster = await startCluster(['node-1', 'node-2', 'node-3'])
  const { plane, nodes } = cluster
  await createNamespace(plane)

  const notes = await cluster.install()
  t.regex(notes, /new nodes get it by themselves/)
  t.regex(notes, /What stays on a node is two empty directories,\s+\/var\/lib\/shoal and/)
  t.deepEqual(await nodesWith(plane, 'agent'), ['node-1', 'node-2', 'node-3'])
  const secret = await clusterSecret(plane)
  t.is(Buffer.from(secret, 'base64').length, 48)

  await nodes.add('node-4')
  await until(async () => (await nodesWith(plane, 'agent')).includes('node-4'))

  // What has not been available yet is no loss: the controller replaces all such pods at once.
  const set = `/apis/apps/v1/namespaces/${namespace}/daemonsets/shoal`
  await until(async () => (await plane.call('GET', set)).body.status.numberAvailable === 4)
  const before = nodes.events.length
  const image = { repository: 'registry.example.com/shoal', tag: '0.2.0' }
  await cluster.upgrade({ image })
  t.is(await clusterSecret(plane), secret, 'another secret would cut the swarm in two')
  const upgraded = nodes.events.slice(before).filter(({ component }) => component === 'agent')
  // Node by node, and each time the old one is gone before the new one's image is asked for.
  t.deepEqual(
    upgraded.map(({ what, image }) => `${what} ${image.split(':')[1]}`),
    Array.from({ length: 4 }, () => ['gone 0.1.0', 'started 0.2.0']).flat(),
  )

  const removal = nodes.events.length
  await cluster.helm('uninstall', 'shoal', '--timeout', '90s')
  const events = nodes.events.slice(removal)
  const restored = events.filter(({ what, component }) => what === 'started' && component === 'restore')
  t.deepEqual(restored.map(({ node }) => node).sort(), ['node-1', 'node-2', 'node-3', 'node-4'])
  const lastAgent = events.findLastIndex(({ component }) => component === 'agent')
  t.true(
    lastAgent < events.indexOf(restored[0] as (typeof events)[number]),
    'no agent is left to install itself again',
  )
  t.deepEqual(await leftovers(plane), [])
})

withCluster('an uninstall that a node does not answer fails by its name, and can be run again', async (t) => {
  await using cluster = await startCluster(['node-1', 'node-2'])
  const { plane, nodes } = cluster
  await createNamespace(plane)
  await cluster.install({ uninstall: { enabled: true, timeoutSeconds: 12 } })

  // Dead once its agent has gone: before that, the agent's pod would be what is waited for.
  const watch = until(async () => (await nodesWith(plane, 'agent')).length === 0).then(() =>
    nodes.kill('node-2'),
  )
  const failure = await t.throwsAsync(cluster.helm('uninstall', 'shoal', '--timeout', '90s'))
  await watch
  t.regex(failure?.message ?? '', /job shoal-restored failed/)
  const logs = nodes.events.map(({ log = '' }) => log).join('\n')
  t.regex(logs, /await shoal-restore: not done within 12 s/)
  t.regex(logs, /node-2: the node does not answer/)
  t.false(logs.includes('node-1: '))
  t.true((await clusterSecret(plane)).length > 0, 'nothing of the release is removed yet')

  nodes.revive('node-2')
  await cluster.helm('uninstall', 'shoal', '--timeout', '90s')
  t.deepEqual(await leftovers(plane), [])
})

withCluster('the hook may do no more than what it is for', async (t) => {
  await using cluster = await startCluster(['node-1'])
  const { plane, nodes } = cluster
  await createNamespace(plane)
  await cluster.install({ uninstall: { enabled: true, timeoutSeconds: 10 } })
  // Its Job finds no node to run on, so the hook stays until helm gives up.
  nodes.kill('node-1')
  const uninstall = t.throwsAsync(cluster.helm('uninstall', 'shoal', '--timeout', '8s'))
  const base = `/api/v1/namespaces/${namespace}`
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`
  await until(async () => (await plane.call('GET', bindings)).body.items.length > 0)
  const { body } = await plane.call('POST', `${base}/serviceaccounts/shoal-restore/token`, request)
  t.is(typeof body.status?.token, 'string')
  const asHook = async (method: 'GET' | 'DELETE', path: string) =>
    (await plane.call(method, path, undefined, body.status.token)).status
  const sets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`
  await until(async () => (await asHook('GET', `${base}/pods`)) === 200)
  t.is(await asHook('GET', `${base}/secrets`), 403)
  t.is(await asHook('GET', `${sets}/another`), 403)
  t.is(await asHook('DELETE', `${sets}/shoal-restore`), 403)
  t.is(await asHook('GET', '/api/v1/nodes'), 403)
  await uninstall
})

async function createNamespace(plane: ControlPlane): Promise<void> {
  const metadata = { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } }
  await plane.call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`
  await until(async () => (await plane.call('GET', account)).status === 200)
}

async function nodesWith(plane: ControlPlane, component: string): Promise<string[]> {
  const query = new URLSearchParams({ labelSelector: `app.kubernetes.io/component=${component}` })
  const { body } = await plane.call('GET', `/api/v1/namespaces/${namespace}/pods?${query}`)
  return body.items.map(({ spec }: { spec: { nodeName: string } }) => spec.nodeName).sort()
}

async function clusterSecret(plane: ControlPlane): Promise<string> {
  const { body } = await plane.call('GET', `/api/v1/namespaces/${namespace}/secrets/shoal-cluster`)
  return body.data['cluster-secret']
}

/** What still bears the release's label once what was deleted has gone. */
async function leftovers(plane: ControlPlane): Promise<string[]> {
  const kinds = {
    v1: ['pods', 'services', 'configmaps', 'secrets', 'serviceaccounts'],
    'apps/v1': ['daemonsets'],
    'batch/v1': ['jobs'],
    'rbac.authorization.k8s.io/v1': ['roles', 'rolebindings'],
    'networking.k8s.io/v1': ['networkpolicies'],
  }
  const query = new URLSearchParams({ labelSelector: 'app.kubernetes.io/instance=shoal' })
  const list = async () => {
    const found: string[] = []
    for (const [version, names] of Object.entries(kinds)) {
      for (const name of names) {
        const root = version === 'v1' ? '/api/v1' : `/apis/${version}`
        const { body } = await plane.call('GET', `${root}/namespaces/${namespace}/${name}?${query}`)
        found.push(
          ...body.items.map(({ metadata }: { metadata: { name: string } }) => `${name}/${metadata.name}`),
        )
      }
    }
    return found
  }
  // Pods take a moment to go after their owner.
  await until(async () => (await list()).length === 0).catch(() => undefined)
  return await list()
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(waitMs)
  while (!(await check())) await sleep(100, undefined, { signal: deadline })
}
