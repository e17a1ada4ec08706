import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { diagnose, type FindingCode, openHost, type RuntimeFamily } from '../dist/index.js'
import { type ContainerdInit, startContainerd, startDocker } from './daemons.ts'
import { temporaryRoot } from './tree.ts'

const runFile = promisify(execFile)
const deadShim = 'http://127.0.0.1:1'

interface Setup {
  readonly files?: Record<string, string>
  readonly containerd?: ContainerdInit
  readonly docker?: {
    readonly mirrors?: string[]
    readonly store?: 'containerd' | 'graphdriver'
    readonly version?: string
  }
  readonly families?: readonly RuntimeFamily[]
  readonly shim?: string
  readonly isAgentDown?: boolean
  readonly before?: (root: string) => Promise<void>
}

/** Makes the host, and returns what doctor says of it by code. */
async function ask(t: ExecutionContext, setup: Setup) {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  for (const [path, text] of Object.entries(setup.files ?? {})) {
    await mkdir(join(root.path, dirname(path)), { recursive: true })
    await writeFile(join(root.path, path), text)
  }
  if (setup.containerd !== undefined) await startContainerd(t, root.path, setup.containerd)
  if (setup.docker !== undefined) await startDocker(t, root.path, setup.docker)
  await setup.before?.(root.path)
  const agent = {
    canaries: async () => {
      if (!setup.isAgentDown) return new Set<string>()
      const { RuntimesError } = await import('../dist/index.js')
      throw new RuntimesError('agent', 'the agent does not answer')
    },
  }
  const shim = setup.shim ?? (await openPort(t))
  const host = openHost({ root: root.path, families: setup.families })
  return await diagnose(host, { shim, agent })
}

/** A shim, as far as doctor looks: something listens. */
async function openPort(t: ExecutionContext): Promise<string> {
  const server = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const hosts = (root: string, name: string) => `${root}/${name}/hosts.toml`
const certs = '/etc/containerd/certs.d'
const configPath = (path: string) =>
  `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "${path}"\n`
const config = '/etc/containerd/config.toml'

/** Each is a host that does not pull through the shim, and the one word that doctor should have for it. */
const broken: Record<string, Setup & { code: FindingCode; remedy: RegExp }> = {
  'a shim that is not there': { shim: deadShim, code: 'shim-down', remedy: /start the agent/ },
  'an agent that is not there': { isAgentDown: true, code: 'agent-down', remedy: /start the agent/ },
  'containerd without config_path': {
    containerd: { version: '1.7.24', configPath: '' },
    code: 'config-path-unset',
    remedy: /--allow-restart/,
  },
  'config_path that containerd has not read': {
    files: { [config]: configPath(certs) },
    containerd: { version: '1.7.24', configPath: '' },
    code: 'restart-pending',
    remedy: /restart containerd once/,
  },
  'registry.mirrors in the way of config_path': {
    files: {
      [config]:
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\nendpoint = ["https://m"]\n',
    },
    containerd: { version: '1.7.24', configPath: '' },
    code: 'config-path-legacy',
    remedy: /move them into/,
  },
  'a hosts.toml that is no TOML': {
    files: { [hosts(certs, 'quay.io')]: 'server = \n' },
    containerd: { version: '1.7.24', configPath: certs },
    code: 'unreadable-file',
    remedy: /mend/,
  },
  'a host over plain HTTP with skip_verify': {
    files: { [hosts(certs, 'quay.io')]: '[host."http://mirror"]\nskip_verify = true\n' },
    containerd: { version: '1.7.24', configPath: certs },
    code: 'plain-http-tls',
    remedy: /remove ca and skip_verify/,
  },
  'a daemon.json that is no JSON': {
    files: { '/etc/docker/daemon.json': '{"debug": tru}' },
    docker: {},
    code: 'unreadable-file',
    remedy: /mend/,
  },
  'a loopback mirror that switches off certificate checks': {
    docker: { store: 'containerd', mirrors: ['http://127.0.0.1:5000/'] },
    code: 'tls-hole',
    remedy: /"registry-mirrors": \[\]/,
  },
  'a containerd store that reads no hosts.toml': {
    docker: { store: 'containerd', version: '26.1.5' },
    code: 'unsupported-version',
    remedy: /upgrade to Docker 28/,
  },
  'a registries.conf that is no TOML': {
    files: { '/usr/bin/podman': '', '/etc/containers/registries.conf': '[[registry]\n' },
    code: 'unreadable-file',
    remedy: /pull nothing/,
  },
  'a CRI-O that is stopped': {
    files: { '/etc/crio/crio.conf': '[crio.api]\n' },
    code: 'not-serving',
    remedy: /start it/,
  },
  'a journal that is damaged': {
    files: { '/var/lib/shoal/install/journal.json': '{"version": 1' },
    code: 'journal-damaged',
    remedy: /move it away/,
  },
  'an install that was interrupted': {
    files: {
      '/var/lib/shoal/install/journal.json': JSON.stringify({
        ...{ version: 1, state: 'installing', shim: deadShim, entries: [], parents: [], home: [] },
      }),
    },
    shim: deadShim,
    code: 'half-installed',
    remedy: /run shoal install again/,
  },
  'a shim that moved after the install': {
    files: {
      '/var/lib/shoal/install/journal.json': JSON.stringify({
        ...{ version: 1, state: 'installed', shim: deadShim, entries: [], parents: [], home: [] },
      }),
    },
    code: 'other-shim',
    remedy: /run shoal install again/,
  },
  'a containerd that does not answer': {
    containerd: { version: '1.7.24', configPath: '', isDead: true },
    code: 'not-inspected',
    remedy: /start it/,
  },
}

for (const [name, setup] of Object.entries(broken)) {
  test(`doctor names ${name}, with the remedy, in one line`, async (t) => {
    const findings = await ask(t, setup)
    const found = findings.filter(({ code }) => code === setup.code)
    t.is(found.length, 1, JSON.stringify(findings, undefined, 1))
    t.regex(found[0]?.remedy ?? '', setup.remedy)
    t.notRegex(`${found[0]?.what} ${found[0]?.remedy}`, /\n/)
    t.not(found[0]?.level, 'note')
  })
}

test('doctor names a list in config_path of which the transfer service makes one directory', async (t) => {
  const list = '/etc/containerd/certs.d:/etc/docker/certs.d'
  const containerd = { version: 'v2.2.0' }
  const findings = await ask(t, { containerd })
  const missing = findings.find(({ what }) => what.includes(list))
  t.regex(missing?.what ?? '', /takes the list for the name of one directory/)
  t.is(missing?.remedy, 'run shoal install')
})

test('doctor names a directory that hides _default after the install', async (t) => {
  const findings = await ask(t, {
    files: {
      [hosts(certs, 'quay.io')]: '[host."https://mirror"]\n',
      '/var/lib/shoal/install/journal.json': JSON.stringify({
        ...{ version: 1, state: 'installed', shim: deadShim, entries: [], parents: [], home: [] },
      }),
    },
    containerd: { version: '1.7.24', configPath: certs },
    shim: deadShim,
  })
  const found = findings.filter(({ code }) => code === 'hidden-default').map(({ what }) => what)
  t.regex(found[0] ?? '', /certs\.d\/quay\.io\/hosts\.toml does not name the shim \(it hides _default/)
})

test('doctor names a dockerd that was started with --registry-mirror', async (t) => {
  const findings = await ask(t, {
    docker: { mirrors: ['https://mirror.example/'] },
    before: (root) =>
      fakeProcess(root, 4711, ['/usr/bin/dockerd', '--registry-mirror', 'https://mirror.example']),
  })
  const found = findings.find(({ code }) => code === 'mirror-flag')
  t.regex(found?.remedy ?? '', /move the flag into "registry-mirrors"/)
})

test('doctor names a daemon.json that the running dockerd has not read', async (t) => {
  const shim = await openPort(t)
  const findings = await ask(t, {
    files: { '/etc/docker/daemon.json': JSON.stringify({ 'registry-mirrors': [shim] }) },
    docker: {},
    shim,
    before: (root) => fakeProcess(root, 4711, ['dockerd']),
  })
  t.regex(findings.find(({ code }) => code === 'not-reloaded')?.remedy ?? '', /systemctl reload docker/)
})

test("doctor names a user whose own registries.conf hides the system's", async (t) => {
  const findings = await ask(t, {
    files: {
      '/usr/bin/podman': '',
      '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n',
      '/home/alice/.config/containers/registries.conf': '',
    },
  })
  const paths = findings.filter(({ runtime }) => runtime === 'podman of alice').map(({ what }) => what)
  t.regex(paths[0] ?? '', /^\/home\/alice\/\.config\/containers\/registries\.conf\.d\/000-shoal\.conf/)
})

test('doctor names a file system that is read-only', async (t) => {
  if (process.getuid?.() !== 0) {
    // Who is not root needs no mount for a directory that can't be written.
    const before = async (root: string) => await chmod(join(root, certs), 0o555)
    const files = { [`${certs}/x/hosts.toml`]: '' }
    const findings = await ask(t, { files, containerd: { version: '1.7.24', configPath: certs }, before })
    t.true(findings.some(({ code }) => code === 'read-only'))
    return
  }
  const before = async (root: string) => {
    const place = join(root, certs)
    await mkdir(place, { recursive: true })
    await runFile('mount', ['-t', 'tmpfs', '-o', 'ro', 'shoal-test', place])
    t.teardown(() => runFile('umount', [place]))
  }
  const findings = await ask(t, { containerd: { version: '1.7.24', configPath: certs }, before })
  const found = findings.find(({ code }) => code === 'read-only')
  t.regex(found?.remedy ?? '', /mount the directory writable/)
})

test('doctor has nothing to say of a host without runtimes', async (t) => {
  t.deepEqual(await ask(t, {}), [])
})

/** As the kernel shows a process; a dockerd with that flag would need root and a firewall. */
async function fakeProcess(root: string, pid: number, argv: readonly string[]): Promise<void> {
  await mkdir(join(root, 'proc', String(pid)), { recursive: true })
  await writeFile(
    join(root, 'proc', String(pid), 'cmdline'),
    argv.map((argument) => `${argument}\0`).join(''),
  )
}
