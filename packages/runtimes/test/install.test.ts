import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { HostFiles } from '../dist/host-files.js'
import { type AgentClient, install, openHost, planHost, RuntimesError, releaseHost } from '../dist/index.js'
import { startContainerd } from './daemons.ts'
import { describeTree, temporaryRoot } from './tree.ts'

const shim = 'http://127.0.0.1:5005'
const quay = '/etc/containerd/certs.d/quay.io/hosts.toml'
const fallback = '/etc/containerd/certs.d/_default/hosts.toml'

/** A host with a containerd, whose pulls an agent sees or does not. */
async function hostWith(t: ExecutionContext, { sees = true }: { sees?: boolean } = {}) {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  await mkdir(join(root.path, dirname(quay)), { recursive: true })
  await mkdir(join(root.path, '/var/lib'), { recursive: true })
  await writeFile(join(root.path, quay), '# the house\n[host."https://mirror.example"]\n')
  const pulled = new Set<string>()
  const onPull = (image: string) => void pulled.add(image.replace(/:[^:/]*$/, ''))
  await startContainerd(t, root.path, { version: '1.7.24', configPath: '/etc/containerd/certs.d', onPull })
  const agent: AgentClient = { canaries: async () => (sees ? pulled : new Set()) }
  return { host: openHost({ root: root.path, families: ['containerd'] }), root: root.path, agent, pulled }
}

const etc = (root: string) => describeTree(join(root, 'etc'))

test('an install pulls one canary for each directory that it changed, and is confirmed by the agent', async (t) => {
  const { host, root, agent, pulled } = await hostWith(t)
  const report = await install(host, await planHost(host, { shim }), agent)
  t.deepEqual(report.changed, [quay, fallback])
  t.deepEqual(
    report.canaries.map(({ registry, seen }) => [registry, seen]),
    [
      ['quay.io', true],
      ['docker.io', true],
    ],
  )
  t.regex([...pulled][0] ?? '', /^quay\.io\/shoal-canary\/[0-9a-f]{32}$/)
  t.regex(await readFile(join(root, fallback), 'utf8'), /127\.0\.0\.1:5005/)
})

test('an install whose canary does not come by the shim gives everything back', async (t) => {
  const { host, root, agent } = await hostWith(t, { sees: false })
  const before = await etc(root)
  const report = await install(host, await planHost(host, { shim }), agent)
  t.regex(report.rolledBack?.why ?? '', /did not come by the shim: containerd from quay\.io/)
  t.deepEqual(await etc(root), before)
})

test('CRI-O reads its files again a moment after the signal: a canary that comes too early is sent again', async (t) => {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  // Something that a SIGHUP may be sent to.
  const crio = spawn('sleep', ['600'])
  t.teardown(() => crio.kill())
  const hungUp = once(crio, 'exit')
  await mkdir(join(root.path, `/proc/${crio.pid}`), { recursive: true })
  await writeFile(join(root.path, `/proc/${crio.pid}/cmdline`), '/usr/bin/crio\0')
  await mkdir(join(root.path, '/etc/containers'), { recursive: true })
  const pulls: string[] = []
  const onPull = (image: string) => void pulls.push(image.replace(/:[^:/]*$/, ''))
  await startContainerd(t, root.path, { version: '1.34.0', socket: '/run/crio/crio.sock', onPull })
  const host = openHost({ root: root.path, families: ['podman'] })
  const report = await install(host, await planHost(host, { shim }), {
    canaries: async () => new Set(pulls.slice(1)),
  })
  t.deepEqual(
    report.canaries.map(({ registry, seen }) => [registry, seen]),
    [['docker.io', true]],
  )
  t.is(pulls.length, 2)
  t.is((await hungUp)[1], 'SIGHUP')
})

test('a restart that fails gives everything back as well', async (t) => {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  await mkdir(join(root.path, '/etc/containerd'), { recursive: true })
  await startContainerd(t, root.path, { version: '1.7.24', configPath: '' })
  const before = await etc(root.path)
  const host = openHost({ root: root.path, families: ['containerd'], restartCommand: 'exit 1' })
  const plan = await planHost(host, { shim, allowRestart: true })
  const report = await install(host, plan, { canaries: async () => new Set() })
  t.regex(report.rolledBack?.why ?? '', /could not restart containerd/)
  t.deepEqual(await etc(root.path), before)
})

test('without an agent nothing is changed', async (t) => {
  const { host, root } = await hostWith(t)
  const before = await etc(root)
  const agent = {
    canaries: async () => {
      throw new RuntimesError('agent', 'the agent does not answer')
    },
  }
  await t.throwsAsync(install(host, await planHost(host, { shim }), agent), { message: /does not answer/ })
  t.deepEqual(await etc(root), before)
})

test('a second install changes nothing, and its uninstall gives back what was before the first', async (t) => {
  const { host, root, agent } = await hostWith(t)
  const before = await etc(root)
  await install(host, await planHost(host, { shim }), agent)
  const second = await install(host, await planHost(host, { shim }), agent)
  t.deepEqual(second.changed, [])
  t.is(second.canaries.length, 2)
  await releaseHost(host)
  t.deepEqual(await etc(root), before)
  t.false((await releaseHost(host)).installed)
})

test('an install after the shim has moved is undone to what was before the first', async (t) => {
  const { host, root, agent } = await hostWith(t)
  const before = await etc(root)
  await install(host, await planHost(host, { shim }), agent)
  const moved = await install(host, await planHost(host, { shim: 'http://127.0.0.1:6006' }), agent)
  t.is(moved.changed.length, 2)
  await releaseHost(host)
  t.deepEqual(await etc(root), before)
})

test('an install over an install that no longer reaches the shim gives back what was before both', async (t) => {
  const { host, root, agent } = await hostWith(t)
  const before = await etc(root)
  await install(host, await planHost(host, { shim }), agent)
  const blind: AgentClient = { canaries: async () => new Set() }
  const again = await install(host, await planHost(host, { shim }), blind)
  t.regex(again.rolledBack?.why ?? '', /did not come by/)
  t.deepEqual(await etc(root), before)
})

test('a disk that is full midway gives everything back', async (t) => {
  const { host, root, agent } = await hostWith(t)
  const before = await etc(root)
  class FullDisk extends HostFiles {
    override async replace(path: string, file: Parameters<HostFiles['replace']>[1]): Promise<void> {
      if (path === fallback) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      await super.replace(path, file)
    }
  }
  const full = { ...host, files: new FullDisk(root) }
  const report = await install(full, await planHost(full, { shim }), agent)
  t.regex(report.rolledBack?.why ?? '', /no space left/)
  t.deepEqual(await etc(root), before)
})
