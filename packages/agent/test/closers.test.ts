import test from 'ava'
import { Closers } from '../dist/closers.js'
import { recordingLogger } from './fixture.ts'

const longMs = 60_000

test('the last opened is closed first', async (t) => {
  const closed: string[] = []
  const closers = new Closers(recordingLogger().log)
  for (const name of ['cache', 'swarm', 'registry']) closers.add(name, longMs, () => void closed.push(name))
  await closers.closeAll()
  t.deepEqual(closed, ['registry', 'swarm', 'cache'])
})

test('one that fails is told of, and the next is closed', async (t) => {
  const { log, lines } = recordingLogger()
  const closers = new Closers(log)
  let closed = false
  closers.add('cache', longMs, () => {
    closed = true
  })
  closers.add('swarm', longMs, async () => {
    throw new Error('no')
  })
  await closers.closeAll()
  t.true(closed)
  t.like(lines[0], { level: 'error', part: 'swarm', msg: 'closing failed' })
})

test('one that hangs is left after its deadline, and the next is closed', async (t) => {
  const { log, lines } = recordingLogger()
  const closers = new Closers(log)
  let closed = false
  closers.add('cache', longMs, () => {
    closed = true
  })
  closers.add('swarm', 1, () => new Promise(() => undefined))
  await closers.closeAll()
  t.true(closed)
  t.like(lines[0], { level: 'warn', part: 'swarm' })
})

test('each is closed once', async (t) => {
  let times = 0
  const closers = new Closers(recordingLogger().log)
  closers.add('cache', longMs, () => {
    times++
  })
  await closers.closeAll()
  await closers.closeAll()
  t.is(times, 1)
})
