import test from 'ava'
import { plotOf } from './plot.ts'
import { reportOf } from './report.ts'
import { parseOptions } from './scenario.ts'
import { SimulatedSwarm } from './simulated-swarm.ts'

function simulate(...args: string[]) {
  const { scenario } = parseOptions(args)
  return { scenario, outcome: new SimulatedSwarm(scenario).run() }
}

test('16 nodes take one copy from upstream and come close to the bound', (t) => {
  const { scenario, outcome } = simulate('--nodes', '16', '--size', '100MB')
  const { json } = reportOf(scenario, outcome)
  const { completed, copies, lastOverBound } = json
  t.is(completed, 16)
  t.true(copies <= 1.05, `${copies} copies`)
  t.true(lastOverBound <= 1.5, `${lastOverBound} x the bound`)
})

test('the same seed gives the same run, another seed another', (t) => {
  const run = (seed: string) => simulate('--nodes', '12', '--size', '20MB', '--seed', seed).outcome
  t.deepEqual(run('1'), run('1'))
  t.notDeepEqual(run('1').completedAt, run('2').completedAt)
})

test('when a tenth of the nodes dies midway, the others complete', (t) => {
  const { outcome } = simulate('--nodes', '30', '--size', '100MB', '--kill', '0.1')
  t.is(outcome.survivors, 27)
  t.is(outcome.completedAt.length, 27)
})

test('longer chunks take a swarm longer', (t) => {
  const last = (...args: string[]) =>
    simulate('--nodes', '16', '--size', '64MiB', ...args).outcome.completedAt.at(-1)
  t.true((last('--chunk', '4MiB') ?? 0) > (last() ?? 0))
})

test('a client that reads in order does not wait long for its next chunk, however thin the links are', (t) => {
  const { outcome } = simulate('--nodes', '16', '--size', '32MiB', '--upstream', '20mbit', '--link', '20mbit')
  t.true(outcome.longestWait < 5_000, `it waited ${outcome.longestWait} ms`)
})

test('fast links are not left idle while news of what landed gather', (t) => {
  const fast = ['--size', '100MB', '--link', '10gbit', '--upstream', '10gbit']
  const last = (nodes: string) => simulate('--nodes', nodes, ...fast).outcome.completedAt.at(-1) ?? 0
  // 80 ms by the bound, after 130 ms in which holders are looked for.
  t.true(last('1') < 400, `alone it took ${last('1')} ms`)
  t.true(last('2') < 500, `two took ${last('2')} ms`)
})

test('nobody is left behind although a message travels for longer than a chunk', (t) => {
  const { scenario, outcome } = simulate('--nodes', '50', '--latency', '20ms', '--upstream-latency', '20ms')
  const { lastOverBound } = reportOf(scenario, outcome).json
  t.true(lastOverBound <= 1.3, `${lastOverBound} x the bound`)
})

test('large swarms get fewer chunks, and the report says so', (t) => {
  const { scenario } = parseOptions(['--nodes', '2001', '--size', '1GiB'])
  const swarm = new SimulatedSwarm(scenario)
  t.is(swarm.layout.count, 256)
  const { text } = reportOf(scenario, {
    completedAt: [1],
    pulls: [],
    survivors: 1,
    longestWait: 0,
    upstreamBytes: 1,
    messages: 1,
    layout: swarm.layout,
    zoneBytes: [],
  })
  t.regex(text, /256 of 4096 KiB; the product cuts 1024 of 1024 KiB/)
})

test('the plot is one SVG document', (t) => {
  const { scenario, outcome } = simulate('--nodes', '4', '--size', '10MB')
  t.regex(plotOf(scenario, outcome), /^<svg [^>]*>[\s\S]*<\/svg>\n$/)
})

for (const args of [
  ['--nodes', '0'],
  ['--size', '1'],
  ['--link', 'fast'],
  ['--chunk', 'whole'],
  ['--kill', '1'],
]) {
  test(`${args.join(' ')} is refused by name`, (t) => {
    t.throws(() => parseOptions(args), { message: new RegExp(`^${args[0]} `) })
  })
}
