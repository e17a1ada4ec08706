import { PassThrough } from 'node:stream'
import test from 'ava'
import { Progress } from '../dist/demo/progress.js'

function plainOutput(): { output: PassThrough; lines: string[] } {
  const lines: string[] = []
  const output = new PassThrough({ encoding: 'utf8' })
  output.on('data', (text: string) => lines.push(...text.trimEnd().split('\n')))
  return { output, lines }
}

test('away from a terminal, the end of a pull is a line', (t) => {
  const { output, lines } = plainOutput()
  const progress = new Progress(['node 1', 'node 2'], 1_000, output)
  progress.received(0, 1_000)
  progress.ended(0, 1.25)
  progress.stop()
  t.deepEqual(lines, ['  node 1   100 %  1.0 kB in 1.3 s, every digest verified'])
})

test('a pull that failed says why', (t) => {
  const { output, lines } = plainOutput()
  const progress = new Progress(['node 1'], 1_000, output)
  progress.received(0, 500)
  progress.ended(0, 2, 'status 503')
  progress.stop()
  t.deepEqual(lines, ['  node 1    50 %  500 B in 2.0 s, FAILED: status 503'])
})

test('on a terminal, each node has a bar', (t) => {
  const { output, lines } = plainOutput()
  const terminal = Object.assign(output, { isTTY: true, columns: 120, rows: 40 })
  const progress = new Progress(['node 1'], 1_000, terminal)
  progress.received(0, 500)
  progress.stop()
  t.true(lines.some((line) => line.includes(`node 1   ${'█'.repeat(16)}${'░'.repeat(16)}  50 %  500 B`)))
})

test('a terminal that is too low for the bars gets lines', (t) => {
  const { output, lines } = plainOutput()
  const terminal = Object.assign(output, { isTTY: true, columns: 120, rows: 1 })
  const progress = new Progress(['node 1'], 1_000, terminal)
  progress.received(0, 1_000)
  progress.ended(0, 1)
  progress.stop()
  t.deepEqual(lines, ['  node 1   100 %  1.0 kB in 1.0 s, every digest verified'])
})
