import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { shoal } from './cli.ts'

/** A host with Podman's files, which needs no daemon to be configured. */
async function podmanHost(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'shoal-host-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const directory of ['usr/bin', 'etc/containers', 'var/lib']) {
    await mkdir(join(root, directory), { recursive: true })
  }
  await writeFile(join(root, 'usr/bin/podman'), '')
  return root
}

const dropIn = 'etc/containers/registries.conf.d/000-shoal.conf'
const lastJson = (text: string) => JSON.parse(text.split('\n').at(-1) ?? '')

test.serial('a dry run prints what would be done and why, and does nothing', async (t) => {
  const root = await podmanHost(t)
  const { status, stdout } = await shoal(['install', '--host-root', root, '--dry-run', '--json'])
  t.is(status, 0)
  t.regex(
    stdout,
    /^podman\n {2}write \/etc\/containers\/registries\.conf\.d\/000-shoal\.conf \(registries that/,
  )
  t.is(lastJson(stdout).plan.runtimes[0].changes.length, 1)
  await t.throwsAsync(readFile(join(root, dropIn)), { code: 'ENOENT' })
})

test.serial('install without an agent is refused, with what to do', async (t) => {
  const root = await podmanHost(t)
  const { status, stderr } = await shoal(['install', '--host-root', root, '--admin-listen', '127.0.0.1:1'])
  t.is(status, 1)
  t.regex(stderr, /^shoal: the agent does not answer at 127\.0\.0\.1:1 .*; start it \(shoal agent\)/)
  await t.throwsAsync(readFile(join(root, dropIn)), { code: 'ENOENT' })
})

test.serial('install, uninstall and uninstall again, from the command line', async (t) => {
  const root = await podmanHost(t)
  const listen = ['--registry-listen', '0.0.0.0:6001', '--registry', 'quay.io']
  const installed = await shoal(['install', '--host-root', root, '--no-canary', ...listen], {
    SHOAL_REGISTRY_EXPOSED: 'true',
  })
  t.is(installed.status, 0, installed.stderr)
  t.regex(await readFile(join(root, dropIn), 'utf8'), /location = "127\.0\.0\.1:6001\/quay\.io"/)
  const removed = await shoal(['uninstall', '--host-root', root])
  t.is(removed.status, 0)
  t.regex(removed.stdout, /^restored \/etc\/containers\/registries\.conf\.d\/000-shoal\.conf/)
  await t.throwsAsync(readFile(join(root, dropIn)), { code: 'ENOENT' })
  t.is((await shoal(['uninstall', '--host-root', root])).stdout, 'nothing is installed on this host')
})

test.serial('doctor prints a line with the remedy for each finding, and ends with 1', async (t) => {
  const root = await podmanHost(t)
  const { status, stdout } = await shoal([
    ...['doctor', '--host-root', root, '--registry-listen', '127.0.0.1:1', '--admin-listen', '127.0.0.1:1'],
  ])
  t.is(status, 1)
  t.deepEqual(
    stdout.split('\n').map((line) => line.split(':')[0]),
    ['warning shim-down', 'warning agent-down', 'warning not-installed'],
  )
})

test.serial('a port that nobody can know beforehand is refused', async (t) => {
  const { status, stderr } = await shoal(['install', '--registry-listen', '127.0.0.1:0', '--dry-run'])
  t.is(status, 2)
  t.is(stderr, 'shoal: --registry-listen: runtimes need a fixed port, not 127.0.0.1:0')
})
