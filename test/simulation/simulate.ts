import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseOptions, type SimulateOptions, usage } from './scenario.ts'
import { SimulatedSwarm } from './simulated-swarm.ts'
import { reportOf } from './report.ts'

const { scenario, json, plot } = readOptions()
const started = performance.now()
const outcome = new SimulatedSwarm(scenario).run()
const report = reportOf(scenario, outcome)
process.stdout.write(`${report.text}\n`)
process.stdout.write(`  simulated in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
if (json) process.stdout.write(`${JSON.stringify(report.json)}\n`)

function readOptions(): SimulateOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}
