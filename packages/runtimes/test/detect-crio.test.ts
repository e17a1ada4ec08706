import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { detectHost } from '../dist/detect.js'
import { HostFiles } from '../dist/host-files.js'
import { openHost, planHost } from '../dist/index.js'
import { temporaryRoot } from './tree.ts'

const shim = 'http://127.0.0.1:5005'

interface Mounted {
  readonly files?: Record<string, string>
  /** Sockets that something listens on. */
  readonly sockets?: readonly string[]
  /** Command lines by process id. */
  readonly processes?: Record<number, readonly string[]>
}

/** A host of which some directories are mounted. */
async function hostRoot(t: ExecutionContext, { files = {}, sockets = [], processes = {} }: Mounted) {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  const place = async (path: string): Promise<string> => {
    await mkdir(join(root.path, dirname(path)), { recursive: true })
    return join(root.path, path)
  }
  for (const [path, text] of Object.entries(files)) await writeFile(await place(path), text)
  for (const [pid, argv] of Object.entries(processes)) {
    await writeFile(await place(`/proc/${pid}/cmdline`), argv.map((argument) => `${argument}\0`).join(''))
  }
  for (const socket of sockets) {
    const server = createServer((connection) => connection.destroy())
    const path = await place(socket)
    await new Promise<void>((resolve) => server.listen(path, resolve))
    t.teardown(() => server.close())
  }
  return root.path
}

async function detect(t: ExecutionContext, mounted: Mounted) {
  const state = await detectHost(new HostFiles(await hostRoot(t, mounted)), ['podman'])
  return state.containers[0]
}

test('the directories that the chart mounts are enough to find CRI-O: its program is not among them', async (t) => {
  const found = await detect(t, {
    files: { '/etc/containers/registries.conf': '' },
    sockets: ['/run/crio/crio.sock'],
    processes: { 812: ['/usr/bin/crio'], 813: ['/usr/bin/conmon'] },
  })
  t.like(found, { programs: ['cri-o'], criSocket: '/run/crio/crio.sock' })
  t.deepEqual(found?.reload, [{ pid: 812, program: 'crio' }])
})

test('CRI-O is found at the socket that its command line names', async (t) => {
  const found = await detect(t, {
    sockets: ['/run/other/crio.sock'],
    processes: { 5: ['crio', '--listen=/var/run/other/crio.sock'] },
  })
  t.is(found?.criSocket, '/run/other/crio.sock')
})

test('CRI-O is found at the socket that its last drop-in names', async (t) => {
  const listen = (path: string) => `[crio.api]\nlisten = "${path}"\n`
  const found = await detect(t, {
    files: {
      '/etc/crio/crio.conf': listen('/run/one.sock'),
      '/etc/crio/crio.conf.d/10-crio.conf': listen('/run/two.sock'),
      '/etc/crio/crio.conf.d/20-house.conf': listen('unix:///run/three.sock'),
    },
    sockets: ['/run/one.sock', '/run/two.sock', '/run/three.sock'],
  })
  t.is(found?.criSocket, '/run/three.sock')
})

test('a CRI-O that is stopped gets its file, and no pull is tried with programs that are not there', async (t) => {
  const root = await hostRoot(t, { files: { '/etc/crio/crio.conf.d/10-crio.conf': '[crio]\n' } })
  const { runtimes } = await planHost(openHost({ root, families: ['podman'] }), { shim })
  t.is(runtimes.length, 1)
  t.like(runtimes[0], { runtime: 'cri-o', probe: undefined })
  t.is(runtimes[0]?.changes.length, 1)
  t.like(runtimes[0]?.findings[0], { level: 'warning', code: 'not-serving' })
})

test('a configuration of CRI-O that is no TOML is reported, and what else there is is looked at', async (t) => {
  const root = await hostRoot(t, { files: { '/etc/crio/crio.conf': '[crio', '/usr/bin/podman': '' } })
  const state = await detectHost(new HostFiles(root), ['podman'])
  t.deepEqual(state.containers[0]?.programs, ['podman'])
  t.regex(state.unseen[0]?.why ?? '', /crio\.conf/)
})

test('a host without a trace of CRI-O or of Podman has nothing of theirs', async (t) => {
  t.is(await detect(t, { files: { '/etc/containers/registries.conf': '' } }), undefined)
})
