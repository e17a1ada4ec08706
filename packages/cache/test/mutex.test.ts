import test from 'ava'
import { KeyedMutex, Mutex } from '../dist/mutex.js'

test('tasks run one after the other, in order', async (t) => {
  const mutex = new Mutex()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = mutex.run(async () => {
    log.push('first begins')
    await gate.promise
    log.push('first ends')
  })
  const second = mutex.run(async () => void log.push('second'))
  gate.resolve()
  await Promise.all([first, second])
  t.deepEqual(log, ['first begins', 'first ends', 'second'])
})

test('a task that fails does not hold up the next', async (t) => {
  const mutex = new Mutex()
  const failing = mutex.run(() => Promise.reject(new Error('no')))
  const next = mutex.run(async () => 7)
  await t.throwsAsync(failing, { message: 'no' })
  t.is(await next, 7)
})

test('tasks under different keys do not wait for each other', async (t) => {
  const mutex = new KeyedMutex<string>()
  const gate = Promise.withResolvers<void>()
  const waiting = mutex.run('a', () => gate.promise)
  t.is(await mutex.run('b', async () => 7), 7)
  gate.resolve()
  await waiting
})

test('tasks under one key do, also when the first fails', async (t) => {
  const mutex = new KeyedMutex<string>()
  const gate = Promise.withResolvers<void>()
  const log: string[] = []
  const first = mutex.run('a', () => gate.promise)
  const second = mutex.run('a', async () => void log.push('second'))
  await mutex.run('b', async () => void log.push('other key'))
  gate.reject(new Error('no'))
  await t.throwsAsync(first, { message: 'no' })
  await second
  t.deepEqual(log, ['other key', 'second'])
})
