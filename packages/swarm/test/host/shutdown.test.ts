import { once } from 'node:events'
import test from 'ava'
import { addressOf, knows, randomCid, startHost, startProcess } from './fixture.ts'

test('a process whose host was stopped ends by itself: nothing is left open', async (t) => {
  const host = await startHost(t)
  const child = await startProcess(t, addressOf(host), randomCid().toString())
  await knows(host, 1)
  const exit = once(child.process, 'exit')
  child.process.send('stop')
  t.deepEqual(await exit, [0, null])
})
