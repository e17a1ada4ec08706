/**
 * What a swarm does for nodes that pull one image, beside what people use today, on a testbed of network namespaces. The
 * README in swarm/ tells what is measured and how. Linux, root, Debian 12.
 *
 *     npm run bench:swarm -- [--quick] [--write] [--json]
 */
import { installPackages } from '../harness/install.ts'
import { Workspace } from '../harness/workspace.ts'
import { whyNoTestbed } from '../testbed/testbed.ts'
import { ImageStore } from './swarm/image-store.ts'
import { describeMachine } from './swarm/machine.ts'
import { type BenchOptions, parseOptions, usage } from './swarm/options.ts'
import { describeWorkload, tableOf } from './swarm/report.ts'
import { type CaseRuns, type FailedRun, type Row, rowsOf } from './swarm/results.ts'
import { writeResultsPage } from './swarm/results-page.ts'
import { runCase } from './swarm/run-case.ts'

/** What contenders run, by Debian package. */
const packages = [
  ...['aria2', 'containerd', 'curl', 'docker-registry', 'mktorrent', 'opentracker', 'runc', 'skopeo'],
]

const options = readOptions()
const reason = await whyNoTestbed()
if (reason !== undefined) fail(`npm run bench:swarm can't run here: ${reason}`)
await installPackages(packages, 'npm run bench:swarm')
const startMs = performance.now()
await using workspace = await Workspace.create('bench')
const store = await ImageStore.open(workspace)
const machine = await describeMachine(workspace.path)
const cases: CaseRuns[] = []
const rows: Row[] = []
const planned = options.cases.length
const command = ['npm run bench:swarm --', ...process.argv.slice(2)].join(' ')
const minutes = (): number => (performance.now() - startMs) / 60_000
for (const [index, one] of options.cases.entries()) {
  print(`\n${one.title}: ${describeWorkload(one.workload)}`)
  const { contenders } = options
  const onRun = (contender: string, repetition: number): void =>
    progress(`${index + 1} of ${planned}: ${contender}, repetition ${repetition + 1}`)
  const onFailed = ({ contender, reason }: FailedRun): void => progress(`${contender} failed: ${reason}`)
  const runs = await runCase(one, { contenders, store, workspace, onRun, onFailed })
  const own = rowsOf(runs)
  print(tableOf(own))
  cases.push(runs)
  rows.push(...own)
  // After each, so that half an hour's work is not lost with the last.
  const { page } = options
  if (page !== undefined) {
    await writeResultsPage({ cases, rows, command, machine, minutes: minutes(), planned, page })
  }
}
print(`\n${machine}; ${minutes().toFixed(1)} minutes`)
if (options.json) print(JSON.stringify({ machine, rows }))

function readOptions(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`)
  }
}

function progress(line: string): void {
  process.stderr.write(`  ${line}\n`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
