import { PassThrough } from 'node:stream'
import test from 'ava'
import { Progress } from '../dist/demo/progress.js'

function plainOutput(): { output: PassThrough; lines: string[] } {
  const lines: string[] = []
  const output = new PassThrough({ encoding: 'utf8' })
  output.on('data', (text: string) => lines.push(...text.trimEnd().split('\n')))
  return { output, lines }
}

const pulling = { state: 'pulling', seconds: 0 } as const
const ended = { state: 'ended', seconds: 1.25 } as const

test('away from a terminal, the end of a pull is a line', (t) => {
  const { output, lines } = plainOutput()
  const progress = new Progress(['node 1', 'node 2'], 1_000, output)
  progress.show(0, { ...pulling, received: 1_000 })
  progress.show(0, { ...ended, received: 1_000 })
  progress.stop()
  t.deepEqual(lines, ['  node 1   100 %  1.0 kB in 1.3 s, every digest verified'])
})

test('a pull that failed says why', (t) => {
  const { output, lines } = plainOutput()
  const progress = new Progress(['node 1'], 1_000, output)
  progress.show(0, { ...ended, received: 500, problem: 'status 503' })
  progress.stop()
  t.deepEqual(lines, ['  node 1    50 %  500 B in 1.3 s, FAILED: status 503'])
})

test('a node that died says how, also after its pull', (t) => {
  const { output, lines } = plainOutput()
  const progress = new Progress(['node 1', 'node 2'], 1_000, output)
  const lost = { state: 'lost', seconds: 0, death: { how: 'was ended by SIGKILL' } } as const
  progress.show(0, { ...lost, received: 500 })
  progress.show(1, { ...ended, received: 1_000 })
  progress.show(1, { ...lost, received: 1_000 })
  progress.stop()
  t.deepEqual(lines, [
    '  node 1    50 %  500 B, LOST: its process was ended by SIGKILL',
    '  node 2   100 %  1.0 kB in 1.3 s, every digest verified',
    '  node 2   100 %  1.0 kB, LOST: its process was ended by SIGKILL',
  ])
})

test('on a terminal, each node has a bar', (t) => {
  const { output, lines } = plainOutput()
  const terminal = Object.assign(output, { isTTY: true, columns: 120, rows: 40 })
  const progress = new Progress(['node 1'], 1_000, terminal)
  progress.show(0, { ...pulling, received: 500 })
  progress.stop()
  t.true(lines.some((line) => line.includes(`node 1   ${'█'.repeat(16)}${'░'.repeat(16)}  50 %  500 B`)))
})

test('a terminal that is too low for the bars gets lines', (t) => {
  const { output, lines } = plainOutput()
  const terminal = Object.assign(output, { isTTY: true, columns: 120, rows: 1 })
  const progress = new Progress(['node 1'], 1_000, terminal)
  progress.show(0, { ...ended, received: 1_000 })
  progress.stop()
  t.deepEqual(lines, ['  node 1   100 %  1.0 kB in 1.3 s, every digest verified'])
})
