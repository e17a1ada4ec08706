import { homedir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { defaultDataDir } from '../dist/data-dir.js'

test('root keeps its data where the system does', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: '/home/a/state' }, true), '/var/lib/shoal')
})

test('a user keeps its data in its state directory', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: '/home/a/state' }, false), '/home/a/state/shoal')
})

test('a relative state directory is ignored, as the XDG specification says', (t) => {
  t.is(defaultDataDir({ XDG_STATE_HOME: 'state' }, false), join(homedir(), '.local/state/shoal'))
})
