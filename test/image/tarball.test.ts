import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { unitFiles, writeTarball } from '../../packaging/tarball.ts'
import { run } from '../harness/run.ts'
import { installBuilders } from './install.ts'

const native = process.arch === 'arm64' ? 'arm64' : 'amd64'
await installBuilders()
const directory = await mkdtemp(join(tmpdir(), 'shoal-tarball-test-'))
test.after.always(() => rm(directory, { recursive: true, force: true }))

test('the tarball is the same for the same commit, and what is in it runs', async (t) => {
  const first = await writeTarball({ architecture: native, directory: join(directory, 'first') })
  const second = await writeTarball({ architecture: native, directory: join(directory, 'second') })
  t.is(first.sha256, second.sha256)
  t.log(`${(first.bytes / 1e6).toFixed(1)} MB`)
  t.true(first.bytes < 60e6)

  const root = join(directory, 'root')
  await mkdir(root)
  await run('tar', ['-C', root, '-xzf', first.file])
  const opt = join(root, 'opt/shoal')
  t.regex(
    await run(join(opt, 'bin/node'), [join(opt, 'bin/shoal'), 'version']),
    /^shoal \d+\.\d+\.\d+, node 24\./,
  )
  const listed = await run('tar', ['-tzvf', first.file])
  t.regex(listed, /usr\/local\/bin\/shoal -> \/opt\/shoal\/bin\/shoal/)
  for (const unit of unitFiles) t.true(listed.includes(` etc/systemd/system/${unit}\n`), unit)
})

test('systemd takes the units, and finds little to expose', async (t) => {
  const units = unitFiles.map((name) => join(import.meta.dirname, '../../packaging', name))
  const checked = await run('systemd-analyze', ['verify', '--man=no', ...units]).catch(
    (error: Error) => error.message,
  )
  // The program is not installed where the test runs.
  t.false(/Unknown|Failed to parse|Invalid/i.test(checked.replaceAll(/.*is not executable.*/g, '')), checked)
  const report = await run('systemd-analyze', [
    'security',
    '--offline=yes',
    '--threshold=30',
    ...units.slice(0, 1),
  ])
  t.regex(report, /Overall exposure level/)
})
