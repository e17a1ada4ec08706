import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ownClusterSecret, warnOfReadableSecret } from '../dist/cluster-secret-file.js'
import { recordingLogger, silent, temporaryDirectory, writeTree } from './fixture.ts'

test('a node without a secret makes one that only its user can read', async (t) => {
  const directory = await temporaryDirectory(t)
  const secret = await ownClusterSecret(directory, silent)
  const file = join(directory, 'cluster-secret')
  t.is(Buffer.from(secret, 'base64url').length, 32)
  t.is((await readFile(file, 'utf8')).trim(), secret)
  t.is((await stat(file)).mode & 0o777, 0o600)
})

test('the log says how to share a new secret, and not what it is', async (t) => {
  const { log, lines } = recordingLogger()
  const directory = await temporaryDirectory(t)
  const secret = await ownClusterSecret(directory, log)
  t.like(lines[0], { level: 'info', file: join(directory, 'cluster-secret') })
  t.regex(lines[0]?.msg ?? '', /copy this file .* --cluster-secret-file/)
  t.false(JSON.stringify(lines).includes(secret))
})

test('a secret is made once', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await ownClusterSecret(directory, silent)
  t.is(await ownClusterSecret(directory, silent), first)
  t.deepEqual(await readdir(directory), ['cluster-secret'])
})

test('an empty secret file is an error, not a new secret', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { 'cluster-secret': '' })
  await t.throwsAsync(ownClusterSecret(directory, silent), { code: 'START', message: /is empty/ })
})

test('a directory that is a file is told in one line', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { file: '' })
  await t.throwsAsync(ownClusterSecret(join(directory, 'file'), silent), {
    code: 'START',
    message: /^can't read the cluster secret \S+: part of the path is not a directory$/,
  })
})

test('a secret that others can read is warned of', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: 'x' })
  const file = join(directory, 'secret')
  const { log, lines } = recordingLogger()
  await chmod(file, 0o600)
  await warnOfReadableSecret(file, log)
  t.deepEqual(lines, [])
  await chmod(file, 0o640)
  await warnOfReadableSecret(file, log)
  t.like(lines[0], { level: 'warn', file })
})

test('a secret that reaches the agent by its group, as Kubernetes mounts it, is not warned of', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: 'x' })
  const file = join(directory, 'secret')
  await chmod(file, 0o440)
  const { uid, gid } = await stat(file)
  const { log, lines } = recordingLogger()
  await warnOfReadableSecret(file, log, { user: uid + 1, group: gid, credentials: undefined })
  t.deepEqual(lines, [])
  await chmod(file, 0o444)
  await warnOfReadableSecret(file, log, { user: uid + 1, group: gid, credentials: undefined })
  t.like(lines[0], { level: 'warn', file })
})

test('a credential of systemd, whose group bits are the mask of an access list, is not warned of', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: 'x' })
  const file = join(directory, 'secret')
  await chmod(file, 0o440)
  const { uid, gid } = await stat(file)
  const { log, lines } = recordingLogger()
  const own = { user: uid + 1, group: gid + 1, credentials: directory }
  await warnOfReadableSecret(file, log, own)
  t.deepEqual(lines, [])
  await warnOfReadableSecret(file, log, { ...own, credentials: undefined })
  t.like(lines[0], { level: 'warn', file })
})
