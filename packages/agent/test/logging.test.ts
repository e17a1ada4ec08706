import test from 'ava'
import { recordingLogger } from './fixture.ts'

test('a line has the level by name, a time and the fixed message', (t) => {
  const { log, lines } = recordingLogger()
  log.info({ registry: '127.0.0.1:5005' }, 'agent ready')
  t.like(lines[0], { level: 'info', msg: 'agent ready', registry: '127.0.0.1:5005' })
  t.regex(String(lines[0]?.time), /^\d{4}-\d\d-\d\dT/)
})

test('what is below the level is not written', (t) => {
  const { log, lines } = recordingLogger('warn')
  log.info({}, 'quiet')
  t.deepEqual(lines, [])
})

test('fields that could hold a credential are not written', (t) => {
  const { log, lines } = recordingLogger()
  log.info({ password: 'hunter2', headers: { authorization: 'Basic aHVudGVyMg==' } }, 'x')
  t.false(/hunter2|aHVudGVyMg/.test(JSON.stringify(lines)))
})

test('an error is written with its message, under either name', (t) => {
  const { log, lines } = recordingLogger()
  log.warn({ err: new Error('one') }, 'x')
  log.warn({ error: new Error('two') }, 'x')
  t.like(lines[0], { err: { message: 'one' } })
  t.like(lines[1], { error: { message: 'two' } })
})
