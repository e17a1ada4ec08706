import test from 'ava'
import { KillPlan, type PullState } from '../dist/demo/kill-plan.js'

function plan(count: number, ...chances: number[]): KillPlan {
  return new KillPlan({ count, imageBytes: 100, random: () => chances.shift() ?? 0 })
}

function pulls(...received: number[]): PullState[] {
  return received.map((bytes) => ({ received: bytes, state: bytes === 100 ? 'ended' : 'pulling' }))
}

test('nobody is killed before the nodes together hold half of what they want', (t) => {
  t.deepEqual(plan(1).step(pulls(90, 10, 49, 50)), [])
  t.deepEqual(plan(1).step(pulls(90, 10, 50, 50)), [0])
})

test('nobody is killed unless asked', (t) => {
  t.deepEqual(plan(0).step(pulls(60, 60)), [])
})

test('chance picks, and nobody twice', (t) => {
  t.deepEqual(plan(3, 0.5, 0.99, 0).step(pulls(60, 60, 60, 60)), [2, 3, 0])
})

test('it happens once', (t) => {
  const once = plan(1, 0.99)
  t.deepEqual(once.step(pulls(60, 60, 60)), [2])
  t.deepEqual(once.step(pulls(80, 80, 80)), [])
})

test('a node that has the image is not in the middle of anything', (t) => {
  t.deepEqual(plan(2).step(pulls(100, 100, 20)), [2])
})

test('what a lost node holds or wants does not count', (t) => {
  const lost: PullState = { received: 90, state: 'lost' }
  t.deepEqual(plan(1).step([lost, ...pulls(45, 45)]), [])
  t.deepEqual(plan(1).step([lost, ...pulls(55, 45)]), [1])
})
