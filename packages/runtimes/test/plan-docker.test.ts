import test from 'ava'
import type { DockerState } from '../dist/host-state.js'
import { planDocker } from '../dist/plan-docker.js'

const shim = 'http://127.0.0.1:5005'

function docker(given: Partial<DockerState> = {}): DockerState {
  return {
    socket: '/run/docker.sock',
    version: '28.5.2',
    store: 'graphdriver',
    mirrors: [],
    flagMirrors: [],
    configFile: { path: '/etc/docker/daemon.json', text: undefined, writable: true },
    pid: 7,
    hosts: { path: '/etc/docker/certs.d', writable: true, registries: [] },
    ...given,
  }
}

const configFile = (text: string) => ({ path: '/etc/docker/daemon.json', text, writable: true })

test('the graph drivers get a mirror in daemon.json and a reload, in front of the mirrors that are there', (t) => {
  const text = '{\n  "debug": true,\n  "registry-mirrors": ["https://mirror.example"]\n}\n'
  const { changes, activations } = planDocker(docker({ configFile: configFile(text) }), { shim })
  const [change] = changes
  t.deepEqual(change?.kind === 'write-file' && JSON.parse(change.text), {
    debug: true,
    'registry-mirrors': [shim, 'https://mirror.example'],
  })
  t.deepEqual(activations, [{ kind: 'docker-reload', pid: 7, socket: '/run/docker.sock', mirror: shim }])
})

test('the containerd store gets hosts.toml, and daemon.json is left alone: a mirror there opens a TLS hole', (t) => {
  const { changes, activations } = planDocker(docker({ store: 'containerd' }), { shim })
  t.deepEqual(
    changes.map(({ path }) => path),
    ['/etc/docker/certs.d/_default/hosts.toml'],
  )
  t.deepEqual(activations, [])
})

test('a mirror on loopback with the containerd store is said to switch off certificate checks', (t) => {
  const { findings } = planDocker(docker({ store: 'containerd', mirrors: ['http://127.0.0.1:5000/'] }), {
    shim,
  })
  t.deepEqual(
    findings.map(({ code }) => code),
    ['tls-hole'],
  )
})

test('a containerd store that reads no hosts.toml is left alone', (t) => {
  const { changes, findings } = planDocker(docker({ store: 'containerd', version: '26.1.5' }), { shim })
  t.deepEqual([changes.length, findings[0]?.code], [0, 'unsupported-version'])
})

test('a daemon started with --registry-mirror keeps its daemon.json: with both it would not start again', (t) => {
  const { changes, findings } = planDocker(docker({ flagMirrors: ['https://mirror.example'] }), { shim })
  t.deepEqual([changes.length, findings[0]?.code, findings[0]?.level], [0, 'mirror-flag', 'blocked'])
  const withShim = planDocker(docker({ flagMirrors: [shim], mirrors: [`${shim}/`] }), { shim })
  t.deepEqual([withShim.changes.length, withShim.proves], [0, ['docker.io']])
})

test('a file that has the mirror while the daemon does not is only reloaded', (t) => {
  const state = docker({ configFile: configFile(`{"registry-mirrors":["${shim}"]}`) })
  const { changes, activations, findings } = planDocker(state, { shim })
  t.deepEqual([changes.length, activations.length, findings[0]?.code], [0, 1, 'not-reloaded'])
})

test('a daemon.json that dockerd could not read is not touched', (t) => {
  for (const text of ['{"debug": true', '[]', '{"registry-mirrors": "x"}', '// comment\n{}']) {
    const { changes, findings } = planDocker(docker({ configFile: configFile(text) }), { shim })
    t.deepEqual([changes.length, findings[0]?.code], [0, 'unreadable-file'], text)
  }
})

test('a dockerd that cannot be signalled is left alone', (t) => {
  t.is(planDocker(docker({ pid: undefined }), { shim }).findings[0]?.code, 'not-inspected')
})
