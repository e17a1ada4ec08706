import test from 'ava'
import { abortable, Deadline, DeadlineError } from '../dist/deadline.js'
import { never } from './fixture.ts'

test('aborts after its time with an error that says what took too long', async (t) => {
  using deadline = new Deadline({ what: 'the first byte', afterMs: 10 })
  await t.throwsAsync(never(deadline.signal), {
    instanceOf: DeadlineError,
    message: 'the first byte took more than 0.01 s',
  })
})

test('aborts with its parent and for the same reason', (t) => {
  const parent = new AbortController()
  using deadline = new Deadline({ what: 'work', afterMs: 60_000, parent: parent.signal })
  const reason = new Error('the client left')
  parent.abort(reason)
  t.is(deadline.signal.reason, reason)
})

test('is aborted from the start when its parent is', (t) => {
  using deadline = new Deadline({ what: 'work', afterMs: 60_000, parent: AbortSignal.abort() })
  t.true(deadline.signal.aborted)
})

test('never aborts once it is cleared', (t) => {
  const parent = new AbortController()
  const deadline = new Deadline({ what: 'work', afterMs: 60_000, parent: parent.signal })
  deadline.clear()
  parent.abort()
  t.false(deadline.signal.aborted)
})

test('abortable gives up on a promise that never settles', async (t) => {
  const controller = new AbortController()
  const waiting = abortable(new Promise(() => undefined), controller.signal)
  controller.abort(new Error('enough'))
  await t.throwsAsync(waiting, { message: 'enough' })
})

test('abortable gives what comes in time', async (t) => {
  t.is(await abortable(Promise.resolve(1), new AbortController().signal), 1)
})

test('abortable passes on a failure that comes in time', async (t) => {
  const failing = Promise.reject(new Error('failed'))
  await t.throwsAsync(abortable(failing, new AbortController().signal), { message: 'failed' })
})
