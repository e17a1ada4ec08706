import test from 'ava'
import { formatBytes } from '../dist/demo/format.js'
import { type DemoReport, formatReport } from '../dist/demo/report.js'

const figures = { fromUpstream: 60e6, fromPeers: 100e6, fromCache: 0 }
const node = { pid: 4711, seconds: 2, ...figures, verified: true, lost: null }
const report: DemoReport = {
  nodes: [
    { id: 1, ...node },
    { id: 2, ...node, verified: false },
  ],
  killed: 0,
  imageBytes: 160e6,
  upstreamBytes: 168e6,
  upstreamRequests: 42,
  copies: 1.05,
  seconds: 2.5,
  verified: false,
}

for (const [bytes, expected] of [
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [162_300_000, '162.3 MB'],
  [5e15, '5000.0 TB'],
] as const) {
  test(`${bytes} bytes read ${expected}`, (t) => t.is(formatBytes(bytes), expected))
}

test('the table has a row for each node, in columns', (t) => {
  const lines = formatReport(report).split('\n')
  t.is(lines[2], '  node 1        60.0 MB    100.0 MB             0 B  2.0 s       yes')
  t.is(lines[3], '  node 2        60.0 MB    100.0 MB             0 B  2.0 s        NO')
  t.is(lines[0]?.length, lines[2]?.length)
})

test('the sum says how many copies left the registry', (t) => {
  const text = formatReport(report)
  t.true(text.includes('The registry sent 168.0 MB in 42 requests for an image of 160.0 MB:'))
  t.true(text.includes('1.05 copies for 2 nodes, which were done after 2.5 s.'))
})

test('a digest that did not verify is not passed over', (t) => {
  t.true(formatReport(report).endsWith('NOT every digest verified on every node.'))
  t.true(formatReport({ ...report, verified: true }).endsWith('Every digest verified on every node.'))
})

const unknown = { fromUpstream: null, fromPeers: null, fromCache: null }
const lost = { ...node, id: 2, ...unknown, verified: false, lost: 'was ended by SIGKILL' }

test('a node that was lost is named, and the verdict is about the others', (t) => {
  const text = formatReport({ ...report, nodes: [{ id: 1, ...node }, lost], killed: 1, verified: true })
  t.true(text.includes('  node 2              –           –               –  2.0 s      lost'))
  t.true(text.includes('Lost: node 2 (was ended by SIGKILL); 1 of 1 killed on purpose.'))
  t.true(text.endsWith('Every digest verified on every node that survived.'))
})

test('without survivors there is nothing to verify', (t) => {
  const text = formatReport({ ...report, nodes: [lost] })
  t.true(text.includes('0 of 1 killed on purpose'))
  t.true(text.endsWith('NO node survived.'))
})
