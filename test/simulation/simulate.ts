/**
 * Pulls one layer on many simulated nodes, by the product's own planner and lease table; README.md says what is modelled.
 *
 *     npm run simulate -- --nodes 250 --size 1GiB --upstream 1gbit --link 1gbit --seed 1 [--json]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { plotOf } from './plot.ts'
import { reportOf } from './report.ts'
import { parseOptions, type SimulateOptions, usage } from './scenario.ts'
import { SimulatedSwarm } from './simulated-swarm.ts'

const { scenario, json, plot } = readOptions()
const outcome = new SimulatedSwarm(scenario).run()
const report = reportOf(scenario, outcome)
process.stdout.write(`${report.text}\n`)
if (plot !== undefined) {
  await mkdir(dirname(plot), { recursive: true })
  await writeFile(plot, plotOf(scenario, outcome))
  process.stdout.write(`  plot                  ${plot}\n`)
}
if (json) process.stdout.write(`${JSON.stringify(report.json)}\n`)

function readOptions(): SimulateOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}
