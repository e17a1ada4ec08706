import test from 'ava'
import { listenFault, readableFault, systemCodeOf } from '../dist/readable-fault.js'

const inUse = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:1'), {
  code: 'EADDRINUSE',
})

test("a system error is put in a person's words", (t) => {
  t.is(readableFault(inUse), 'another process is using that address')
})

test('a system error is found below its causes', (t) => {
  const wrapped = new Error('could not start', { cause: new AggregateError([new Error('x'), inUse]) })
  t.is(readableFault(wrapped), 'another process is using that address')
})

test('another error is told by the first line of its message', (t) => {
  t.is(readableFault(new Error('first\nsecond')), 'first')
})

test('causes that go in a circle end', (t) => {
  const error = new Error('a')
  error.cause = error
  t.is(systemCodeOf(error), undefined)
})

test('a code of ours is no system error', (t) => {
  t.is(systemCodeOf(Object.assign(new Error('x'), { code: 'START' })), undefined)
})

test('a port that only root may take is a fault of listening', (t) => {
  const denied = Object.assign(new Error('x'), { code: 'EACCES', syscall: 'listen' })
  t.is(listenFault(new Error('y', { cause: denied })), 'permission denied')
})

test('a file that may not be read is not', (t) => {
  t.is(listenFault(Object.assign(new Error('x'), { code: 'EACCES', syscall: 'open' })), undefined)
})

test("a fault of libp2p's listeners is found in its text", (t) => {
  const error = new Error(
    'Some configured addresses failed: /ip4/…: Error: listen EADDRINUSE: address already in use',
  )
  t.is(listenFault(error), 'another process is using that address')
})
