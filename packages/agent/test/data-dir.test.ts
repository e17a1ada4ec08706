import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { defaultDataDir, prepareDataDir } from '../dist/data-dir.js'
import { temporaryDirectory, writeTree } from './fixture.ts'

const nameOf = () => '--data-dir'

test('root keeps its data where the system does', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: '/home/a/state' }, true), '/var/lib/shoal')
})

test('a user keeps its data in its state directory', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: '/home/a/state' }, false), '/home/a/state/shoal')
})

test('a relative state directory is ignored, as the XDG specification says', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: 'state' }, false), join(homedir(), '.local/state/shoal'))
})

test('a data directory is made with its parents, for this user alone', async (t) => {
  const directory = join(await temporaryDirectory(t), 'a', 'b')
  await prepareDataDir(directory, nameOf)
  t.is((await stat(directory)).mode & 0o777, 0o700)
})

test('a data directory below a file is told in one line', async (t) => {
  const file = join(await writeTree(await temporaryDirectory(t), { file: '' }), 'file')
  await t.throwsAsync(prepareDataDir(join(file, 'data'), nameOf), {
    code: 'START',
    message: `can't use the data directory ${file}/data (--data-dir): part of the path is not a directory; name one that this user can write`,
  })
})
