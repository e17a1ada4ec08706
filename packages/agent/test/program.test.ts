import test from 'ava'
import { execa } from 'execa'
import { version } from '../dist/version.js'
import { cli, shoal } from './cli.ts'

test.serial('version prints that of Shoal and of Node', async (t) => {
  const { status, stdout } = await shoal(['version'])
  t.is(status, 0)
  t.is(stdout, `shoal ${version}, node ${process.versions.node} (${process.platform}-${process.arch})`)
})

test.serial('a mistyped command is one line with a suggestion, and status 2', async (t) => {
  t.deepEqual(await shoal(['dmeo']), {
    status: 2,
    stdout: '',
    stderr: "shoal: unknown command 'dmeo' (Did you mean demo?)",
  })
})

test.serial('help tells the flags, variables and defaults of the agent', async (t) => {
  const { status, stdout } = await shoal(['agent', '--help'], {
    COLUMNS: '200',
    SHOAL_DATA_DIR: '/elsewhere',
  })
  t.is(status, 0)
  t.regex(
    stdout,
    /--registry-listen <host:port> .*\(SHOAL_REGISTRY_LISTEN;\s+default:\s+127\.0\.0\.1:5005\)/s,
  )
  t.false(stdout.includes('/elsewhere'))
})

test.serial('help that nobody reads to its end is no fault', async (t) => {
  const script = '"$@" | true'
  const args = ['-o', 'pipefail', '-c', script, 'bash', process.execPath, cli, 'agent', '--help']
  const { exitCode, stderr } = await execa('bash', args, { reject: false, timeout: 60_000 })
  t.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
})

for (const nodes of ['0', '65', 'x', '1.5', '']) {
  test.serial(`a demo of "${nodes}" nodes is refused with what is possible`, async (t) => {
    t.deepEqual(await shoal(['demo', '--nodes', nodes]), {
      status: 2,
      stdout: '',
      stderr: `shoal: option '--nodes <n>' argument '${nodes}' is invalid. Expected a whole number from 1 to 64.`,
    })
  })
}

for (const [kill, expected] of [
  ['5', 'shoal: --kill 5 leaves none of 5 nodes; kill fewer, or take more --nodes'],
  ['-1', "shoal: option '--kill <n>' argument '-1' is invalid. Expected a whole number, less than --nodes."],
] as const) {
  test.serial(`a demo that is to kill ${kill} of five nodes is refused`, async (t) => {
    t.deepEqual(await shoal(['demo', `--kill=${kill}`]), { status: 2, stdout: '', stderr: expected })
  })
}

test.serial('a demo of a directory that is no image is one line and status 1', async (t) => {
  const { status, stderr } = await shoal(['demo', '--image-dir', '/nowhere'])
  t.is(status, 1)
  t.is(
    stderr,
    `shoal: /nowhere is no OCI image layout: can't read "/nowhere/index.json": no such file or directory`,
  )
})
