import test from 'ava'
import fc from 'fast-check'
import type { ContainerdState, HostsRoot } from '../dist/host-state.js'
import { readHostsToml } from '../dist/hosts-toml.js'
import { cutBlocks } from '../dist/marked-block.js'
import { planContainerd } from '../dist/plan-containerd.js'

const shim = 'http://127.0.0.1:5005'

function root(path: string, registries: Record<string, string | undefined> = {}): HostsRoot {
  return {
    path,
    writable: true,
    registries: Object.entries(registries).map(([name, text]) => ({ name, text })),
  }
}

function containerd(given: Partial<ContainerdState> = {}): ContainerdState {
  return {
    flavour: 'containerd',
    socket: '/run/containerd/containerd.sock',
    version: '1.7.24',
    cri: true,
    configFile: { path: '/etc/containerd/config.toml', text: 'version = 2\n', writable: true },
    configPath: '/etc/containerd/certs.d',
    isLive: true,
    configuredPath: '/etc/containerd/certs.d',
    legacy: undefined,
    roots: [root('/etc/containerd/certs.d')],
    aliasTarget: undefined,
    aliasWritable: true,
    ...given,
  }
}

const write = (plan: ReturnType<typeof planContainerd>, path: string) => {
  const change = plan.changes.find((other) => other.path === path)
  if (change?.kind !== 'write-file') throw new Error(`nothing written at ${path}`)
  return change.text
}

test('_default takes every registry, without a restart', (t) => {
  const plan = planContainerd(containerd(), { shim })
  t.deepEqual(
    plan.changes.map(({ path }) => path),
    ['/etc/containerd/certs.d/_default/hosts.toml'],
  )
  t.deepEqual(plan.activations, [])
  t.deepEqual(plan.proves, ['docker.io'])
})

test('a directory that hides _default gets the shim in front of its own hosts', (t) => {
  const text =
    '# ours\nserver = "https://q"\n\n# the mirror of the house\n[host."https://mirror"]\n  ca = "/ca"\n'
  const plan = planContainerd(containerd({ roots: [root('/etc/containerd/certs.d', { 'quay.io': text })] }), {
    shim,
  })
  const path = '/etc/containerd/certs.d/quay.io/hosts.toml'
  t.deepEqual(readHostsToml(write(plan, path), path).hosts, [shim, 'https://mirror'])
  t.is(cutBlocks(write(plan, path)), text)
  t.deepEqual(plan.proves, ['quay.io', 'docker.io'])
})

test('an install for a shim that has moved puts the new address in place of the old one', (t) => {
  const first = write(planContainerd(containerd(), { shim }), '/etc/containerd/certs.d/_default/hosts.toml')
  const roots = [root('/etc/containerd/certs.d', { _default: first })]
  t.deepEqual(planContainerd(containerd({ roots }), { shim }).changes, [])
  const moved = planContainerd(containerd({ roots }), { shim: 'http://127.0.0.1:6000' })
  const path = '/etc/containerd/certs.d/_default/hosts.toml'
  t.deepEqual(readHostsToml(write(moved, path), path).hosts, ['http://127.0.0.1:6000'])
})

test('a directory with certificates alone is left, and named', (t) => {
  const roots = [root('/etc/containerd/certs.d', { 'corp.example_5000_': undefined })]
  const { findings, changes } = planContainerd(containerd({ roots }), { shim })
  t.deepEqual(
    findings.map(({ code }) => code),
    ['own-certificates'],
  )
  t.regex(findings[0]?.what ?? '', /corp\.example:5000/)
  t.is(changes.length, 1)
})

test('without config_path it says that a restart is unavoidable, and changes nothing', (t) => {
  const unset = containerd({ configPath: '', configuredPath: undefined })
  const { changes, findings } = planContainerd(unset, { shim })
  t.deepEqual(changes, [])
  t.deepEqual(
    findings.map(({ code, level }) => [code, level]),
    [['config-path-unset', 'blocked']],
  )
})

test('with --allow-restart it sets config_path in every format of the configuration', (t) => {
  const cases = {
    'version = 2\n[plugins]\n': /cri\.v1\.images|grpc\.v1\.cri/,
    'version = 3\n': /\[plugins\."io\.containerd\.cri\.v1\.images"\.registry\]/,
    'oom_score = 0\n': /\[plugins\.cri\.registry\]/,
    '': /^version = 2$/m,
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = ""\n':
      /#was: {3}config_path = ""/,
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  headers = {}\n':
      /registry\]\n# >>> shoal/,
  }
  for (const [text, pattern] of Object.entries(cases)) {
    const configFile = { path: '/etc/containerd/config.toml', text, writable: true }
    const state = containerd({ configPath: '', configuredPath: undefined, configFile })
    const plan = planContainerd(state, { shim, allowRestart: true })
    const written = write(plan, configFile.path)
    t.regex(written, pattern)
    t.is(cutBlocks(written), text)
    t.deepEqual(plan.activations, [{ kind: 'restart', unit: 'containerd', socket: state.socket }])
  }
})

test('config_path that the daemon has not read yet needs the restart alone', (t) => {
  const state = containerd({ configPath: '' })
  t.is(planContainerd(state, { shim }).findings[0]?.code, 'restart-pending')
  const { changes, activations } = planContainerd(state, { shim, allowRestart: true })
  t.deepEqual([changes.length, activations.length], [1, 1])
})

test('registry.mirrors keeps config_path out: with both, containerd has no CRI', (t) => {
  const state = containerd({ configPath: '', configuredPath: undefined, legacy: 'mirrors' })
  const { changes, findings } = planContainerd(state, { shim, allowRestart: true })
  t.deepEqual(changes, [])
  t.is(findings[0]?.code, 'config-path-legacy')
})

const list = '/etc/containerd/certs.d:/etc/docker/certs.d'

test('a list in config_path gets a link of its whole name, for the transfer service', (t) => {
  const roots = [root('/etc/containerd/certs.d'), root('/etc/docker/certs.d')]
  const { changes } = planContainerd(containerd({ configPath: list, roots, isLive: false }), { shim })
  const [link] = changes
  t.like(link, { kind: 'make-symlink', path: list, target: '/etc/containerd/certs.d' })
  t.is(changes[1]?.path, '/etc/containerd/certs.d/_default/hosts.toml')
})

test('in a list, _default goes where it hides no registry of a later directory', (t) => {
  const roots = [root('/etc/containerd/certs.d'), root('/etc/docker/certs.d', { 'quay.io': '' })]
  const { changes } = planContainerd(containerd({ configPath: list, roots }), { shim })
  t.deepEqual(changes.map(({ path }) => path).sort(), [
    list,
    '/etc/docker/certs.d/_default/hosts.toml',
    '/etc/docker/certs.d/quay.io/hosts.toml',
  ])
})

test('a link that is there is kept', (t) => {
  const roots = [root('/etc/containerd/certs.d'), root('/etc/docker/certs.d')]
  const state = containerd({ configPath: list, roots, aliasTarget: '/etc/containerd/certs.d' })
  t.deepEqual(
    planContainerd(state, { shim }).changes.map(({ kind }) => kind),
    ['write-file'],
  )
})

test('k3s, RKE2 and microk8s have directories of their own, and k3s writes some of them anew', (t) => {
  const path = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'
  const generated = '# File generated by k3s. DO NOT EDIT.\n\nserver = "https://registry-1.docker.io/v2"\n'
  const roots = [root(path, { 'docker.io': generated })]
  const plan = planContainerd(containerd({ flavour: 'k3s', configPath: path, roots }), { shim })
  t.deepEqual(
    plan.changes.map((change) => change.path),
    [`${path}/docker.io/hosts.toml`, `${path}/_default/hosts.toml`],
  )
  t.is(plan.findings[0]?.code, 'regenerated')
})

test('a read-only host is said to be one, and nothing is planned for it', (t) => {
  const roots = [{ path: '/etc/containerd/certs.d', writable: false, registries: [] }]
  const { changes, findings } = planContainerd(containerd({ roots }), { shim })
  t.deepEqual(changes, [])
  t.deepEqual(
    findings.map(({ code, level }) => [code, level]),
    [['read-only', 'blocked']],
  )
})

test('named registries get directories of their own, and no other is touched', (t) => {
  const roots = [root('/etc/containerd/certs.d', { 'ghcr.io': '' })]
  const plan = planContainerd(containerd({ roots }), { shim, registries: ['quay.io', 'corp.example:5000'] })
  t.deepEqual(
    plan.changes.map(({ path }) => path.split('/').at(-2)),
    ['quay.io', 'corp.example_5000_'],
  )
})

test('without the CRI there is nothing to do', (t) => {
  const { changes, findings } = planContainerd(containerd({ cri: false }), { shim })
  t.deepEqual([changes.length, findings[0]?.code], [0, 'no-cri'])
})

test('no text makes the planner throw, and a hosts.toml that it edits keeps its hosts in order', (t) => {
  const pieces = fc.constantFrom(
    'server = "https://a"\n',
    '[host."https://b"]\n',
    '  [host."https://b".header]\n    x = "y"\n',
    '[host.c]\n',
    "x = '''\n[host.fake]\n'''\n",
    '# a comment\n',
    '\n',
    'host = {}\n',
    '[[host]]\n',
    'garbage',
  )
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 80 }),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const roots = [root('/d', { 'a.example': text })]
      const { changes, findings } = planContainerd(containerd({ configPath: '/d', roots }), { shim })
      const change = changes.find(({ path }) => path === '/d/a.example/hosts.toml')
      if (change?.kind !== 'write-file') return findings.some(({ code }) => code === 'unreadable-file')
      const before = readHostsToml(text, 'x').hosts
      t.deepEqual(readHostsToml(change.text, 'x').hosts, [shim, ...before])
      return [text, `${text}\n`].includes(cutBlocks(change.text))
    }),
    { numRuns: 500 },
  )
})
