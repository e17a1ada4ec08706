import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { byNodesPlot, timeByNodePlot } from './plots.ts'
import { describeWorkload, tableOf } from './report.ts'
import type { CaseRuns, Row } from './results.ts'

export interface ResultsPageInit {
  readonly cases: readonly CaseRuns[]
  readonly rows: readonly Row[]
  readonly command: string
  readonly machine: string
  readonly minutes: number
  /** How many cases there are to be. */
  readonly planned: number
  /** Name of the page. */
  readonly page: string
}

const plots = fileURLToPath(new URL('../plots', import.meta.url))
/** What is drawn over the number of nodes: the runs of one title that differ in it alone. */
const byNodesTitle = 'By the number of nodes'

/** Writes a page of results and its plots. */
export async function writeResultsPage(init: ResultsPageInit): Promise<void> {
  await mkdir(plots, { recursive: true })
  const sections: string[] = []
  for (const title of new Set(init.cases.map((one) => one.title))) sections.push(await section(title, init))
  const page = fileURLToPath(new URL(`../${init.page}`, import.meta.url))
  await writeFile(page, `${head(init)}\n\n${sections.join('\n\n')}\n`)
}

function head({ cases, planned, command, machine, minutes }: ResultsPageInit): string {
  const share = cases.length < planned ? `, ${cases.length} of ${planned} workloads` : ''
  return `# Swarms, measured

    ${command}

wrote this page in ${minutes.toFixed(0)} minutes${share}, figures and plots; nothing in it was typed by hand.
[swarm/README.md](swarm/README.md) tells what is measured and how. All hosts, their links and the programs of all
contenders share one machine: ${machine}.`
}

async function section(title: string, { cases, rows }: ResultsPageInit): Promise<string> {
  const parts = [`## ${title}`]
  const here = cases.filter((one) => one.title === title)
  for (const one of here) {
    const own = rows.filter((row) => row.title === title && row.workload === one.workload)
    parts.push(`${describeWorkload(one.workload)}; bound ${boundsOf(own)}`, tableOf(own))
    for (const { contender, reason } of one.failures) {
      // What comes after the colon names paths of this machine.
      parts.push(`A run of ${contender} was done anew: ${reason.split(': ')[0]}.`)
    }
    if (title === byNodesTitle || one.workload.nodes === 1) continue
    parts.push(
      await plot(plotName(one), 'Share of the nodes that have the image, over time', timeByNodePlot(one)),
    )
  }
  if (title === byNodesTitle) parts.push(...(await byNodesPlots(rows.filter((row) => row.title === title))))
  return parts.join('\n\n')
}

function boundsOf(rows: readonly Row[]): string {
  const bounds = new Map(rows.map(({ phase, boundSeconds }) => [phase, `${boundSeconds.toFixed(2)} s`]))
  const update = bounds.get('update')
  return `${bounds.get('create')}${update === undefined ? '' : `, of the update ${update}`}`
}

async function byNodesPlots(rows: readonly Row[]): Promise<string[]> {
  const draw = (title: string, yLabel: string, figure: (row: Row) => number): string =>
    byNodesPlot({ title, yLabel, rows, figure })
  const copies = 'Copies that the upstream host puts on the wire'
  const cost = 'CPU of a node, without the client that pulls'
  const time = 'Until the last node has the image'
  return [
    await plot(
      'copies-by-nodes',
      copies,
      draw(copies, 'copies', ({ upstreamCopies }) => upstreamCopies.median),
    ),
    await plot(
      'cost-by-nodes',
      cost,
      draw(cost, 'CPU-seconds', ({ cpuSecondsPerNode }) => cpuSecondsPerNode.median),
    ),
    await plot(
      'time-by-nodes',
      time,
      draw(time, 'seconds', ({ lastSeconds }) => lastSeconds.median),
    ),
  ]
}

async function plot(name: string, title: string, svg: string): Promise<string> {
  await writeFile(`${plots}/${name}.svg`, svg)
  return `![${title}](plots/${name}.svg)`
}

function plotName({ workload: { nodes, bytes, layers, link, until } }: CaseRuns): string {
  return `${until}-${nodes}-nodes-${bytes / 1e6}MB-${layers}-${(link * 8) / 1e6}mbit`
}
