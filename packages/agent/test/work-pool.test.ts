import test from 'ava'
import { forEachOf } from '../dist/demo/work-pool.js'

test('no more run at a time than allowed', async (t) => {
  let running = 0
  let most = 0
  await forEachOf([1, 2, 3, 4, 5, 6], 2, async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
  })
  t.is(most, 2)
})

test('each item is worked on once', async (t) => {
  const done: number[] = []
  await forEachOf([1, 2, 3], 8, async (item) => {
    done.push(item)
  })
  t.deepEqual(done, [1, 2, 3])
})

test('after a failure no further item starts, and those under way are waited for', async (t) => {
  const started: number[] = []
  let finished = false
  const work = async (item: number) => {
    started.push(item)
    if (item === 1) throw new Error('one')
    await new Promise((resolve) => setImmediate(resolve))
    finished = true
  }
  await t.throwsAsync(forEachOf([1, 2, 3, 4], 2, work), { message: 'one' })
  t.deepEqual([started, finished], [[1, 2], true])
})
