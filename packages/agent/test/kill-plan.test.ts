import test from 'ava'
import { KillPlan, type PullState } from '../dist/demo/kill-plan.js'

const imageBytes = 100

function plan(count: number, ...chances: number[]): KillPlan {
  return new KillPlan({ count, imageBytes, random: () => chances.shift() ?? 0 })
}

function pulls(...states: PullState['state'][]): PullState[] {
  return states.map((state) => ({ state }))
}

const four = pulls('pulling', 'pulling', 'pulling', 'pulling')

test('nobody is killed before half of the image has left the registry', (t) => {
  t.deepEqual(plan(1).step(four, 49), [])
  t.deepEqual(plan(1).step(four, 50), [0])
})

test('nobody is killed unless asked', (t) => {
  t.deepEqual(plan(0).step(four, 60), [])
})

test('chance picks, and nobody twice', (t) => {
  t.deepEqual(plan(3, 0.5, 0.99, 0).step(four, 60), [2, 3, 0])
})

test('it happens once', (t) => {
  const once = plan(1, 0.99)
  t.deepEqual(once.step(four, 60), [3])
  t.deepEqual(once.step(four, 80), [])
})

test('a node that has the image, or is lost, is not in the middle of anything', (t) => {
  t.deepEqual(plan(2).step(pulls('ended', 'lost', 'pulling'), 60), [2])
})
