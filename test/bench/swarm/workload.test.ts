import test from 'ava'
import { atOnceOf, boundOf, type Workload } from './workload.ts'

const workload: Workload = {
  nodes: 16,
  link: 25e6,
  upstream: 25e6,
  bytes: 100e6,
  layers: 1,
  update: true,
  until: 'delivered',
  firstByte: false,
  repetitions: 1,
}

test('all nodes are created at once, and a fifth of them is updated at a time', (t) => {
  t.is(atOnceOf(workload, 'create'), 16)
  t.is(atOnceOf(workload, 'update'), 4)
})

test('where links and upstream are alike, the bound of many is that of one', (t) => {
  t.is(boundOf(workload, 'create'), 4)
})

test('where upstream is slow, the bound is one copy from it', (t) => {
  t.is(boundOf({ ...workload, upstream: 12.5e6 }, 'create'), 8)
})

test('an update is bound by as many rounds as it takes', (t) => {
  t.is(boundOf(workload, 'update'), 16)
  t.is(boundOf({ ...workload, nodes: 17 }, 'update'), 20)
})
