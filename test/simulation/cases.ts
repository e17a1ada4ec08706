/**
 * Runs the cases of README.md and writes their table into it. Rows of cases that are not run stay: `--quick` runs those of
 * fewer than 1,000 nodes, `--nodes <n>` those of so many.
 *
 *     npm run simulate:cases
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { reportOf } from './report.ts'
import { parseOptions } from './scenario.ts'
import { SimulatedSwarm } from './simulated-swarm.ts'

interface Case {
  readonly name: string
  readonly options: string
  readonly limit: string
}

const readme = new URL('./README.md', import.meta.url)
const begin = '<!-- cases -->'
const end = '<!-- /cases -->'

const ways = "the first and the last chunks' way through the swarm"
const cases: readonly Case[] = [
  { name: '16 nodes', options: '--nodes 16', limit: ways },
  { name: '50 nodes', options: '--nodes 50', limit: ways },
  {
    name: '50 nodes, 20 ms from each other',
    options: '--nodes 50 --latency 20ms --upstream-latency 20ms',
    limit: 'slots that stand empty until an answer is there',
  },
  { name: '250 nodes', options: '--nodes 250', limit: ways },
  { name: '1000 nodes', options: '--nodes 1000', limit: ways },
  {
    name: '5000 nodes, chunks of 4 MiB',
    options: '--nodes 5000',
    limit: 'longer chunks than the product has',
  },
  {
    name: '250 nodes that arrive over 30 s',
    options: '--nodes 250 --arrival 30s',
    limit: 'the last to arrive, and its own link',
  },
  {
    name: '1000 nodes that arrive over 30 s',
    options: '--nodes 1000 --arrival 30s',
    limit: 'the last to arrive, and its own link',
  },
  { name: 'a tenth killed midway', options: '--nodes 250 --kill 0.1', limit: ways },
  { name: 'a tenth killed midway', options: '--nodes 1000 --kill 0.1', limit: ways },
  {
    name: 'a tenth with a tenth of the link',
    options: '--nodes 250 --slow 0.1',
    limit: "the slow nodes' own links, which the bound has too; the median is one with a fast link",
  },
  {
    name: 'two zones, a line of 1 Gbit/s between them',
    options: '--nodes 250 --zones 2 --zone-link 1gbit',
    limit: 'the line between the zones, which each chunk crosses once, and its way through the second zone',
  },
]

const { values: only } = parseArgs({ options: { quick: { type: 'boolean' }, nodes: { type: 'string' } } })
const [before, rest = ''] = (await readFile(readme, 'utf8')).split(begin)
const [former = '', after = ''] = rest.split(end)
const rows: string[] = []
for (const { name, options, limit } of cases) {
  const { scenario } = parseOptions(options.split(' '))
  const isWanted = only.nodes === undefined || scenario.nodes === Number(only.nodes)
  if (!isWanted || (only.quick === true && scenario.nodes >= 1_000)) {
    rows.push(...former.split('\n').filter((row) => row.includes(`| \`${options}\` |`)))
    continue
  }
  const startMs = performance.now()
  const { json } = reportOf(scenario, new SimulatedSwarm(scenario).run())
  const { copies, lastOverBound, medianOverBound, messagesPerNode, completed, survivors } = json
  const cells = [
    name,
    `\`${options}\``,
    copies.toFixed(3),
    lastOverBound.toFixed(3),
    medianOverBound.toFixed(3),
    messagesPerNode.toFixed(0),
    `${completed} of ${survivors}`,
    `${((performance.now() - startMs) / 1_000).toFixed(0)} s`,
    limit,
  ]
  rows.push(`| ${cells.join(' | ')} |`)
  process.stdout.write(`${rows.at(-1)}\n`)
}

const head = [
  '| case | options | copies | last / bound | median / bound | messages a node | completed | took | limited by |',
  '|---|---|---|---|---|---|---|---|---|',
]
await writeFile(readme, `${before}${begin}\n${[...head, ...rows].join('\n')}\n${end}${after}`)
