import { fileURLToPath } from 'node:url'
import test from 'ava'
import { type Lab, startLab } from '../clients/lab.ts'
import type { SwarmNode } from '../harness/agents.ts'
import { goTool, type ToolOrReason } from '../harness/go-tool.ts'
import { Sandbox } from '../harness/sandbox.ts'
import { type Release, releases } from './releases.ts'
import type { HostRuntime } from './runtimes.ts'
import { type Row, writeTable } from './table.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))
/** debootstrap and apt depend on the mirror. */
const setUpTimeoutMs = 1_800_000

interface Outcome {
  readonly canaries: readonly { readonly registry: string; readonly seen: boolean }[]
  readonly changed: readonly string[]
  readonly rolledBack?: { readonly why: string }
}

// All that is awaited comes first: AVA takes no tests that are declared later.
const cases: { release: Release; runtime: HostRuntime; tool: ToolOrReason | undefined }[] = []
for (const release of releases()) {
  for (const runtime of release.runtimes) {
    cases.push({ release, runtime, tool: runtime.tool && (await goTool(runtime.tool)) })
  }
}

let lab: Lab
const rows: Row[] = []

test.before(async (t) => {
  t.timeout(setUpTimeoutMs)
  lab = await startLab()
})

test.afterEach.always((t) => {
  if (!t.passed) t.log(...lab.nodes.map(({ log }) => log))
})

test.after.always(async () => {
  await lab?.[Symbol.asyncDispose]()
  await writeTable(rows)
})

for (const { release, runtime, tool } of cases) {
  const name = `${release.name}: ${runtime.name} is installed, pulls through the shim, and gets /etc back`
  if (tool !== undefined && 'unavailable' in tool) {
    test.skip(`${name} [${tool.unavailable}]`, () => {})
    continue
  }
  test.serial(name, async (t) => {
    t.timeout(setUpTimeoutMs)
    const row = await tryRuntime(release, runtime, tool?.file)
    rows.push(row)
    t.log(row)
    t.true(row.canary, 'the canary was seen')
    t.true(row.pull, 'the real pull came by the shim')
    t.deepEqual(row.etcDifference, [], 'lines of /etc that differ')
    t.true(row.samePid)
    t.true(row.released, 'the running daemon has forgotten the shim')
  })
}

async function tryRuntime(release: Release, runtime: HostRuntime, file?: string): Promise<Row> {
  await lab.registry.check(lab.repository, lab.image.tag)
  await using host = await Sandbox.start(await release.root())
  await runtime.start(host, file)
  const version = await runtime.version(host, file)
  const before = await host.describeEtc()
  const { process: program, installArgs = [] } = runtime
  const restarts = installArgs.includes('--allow-restart')
  let pidBefore = program && (await host.pidOf(program))
  const node = lab.nodes[0] as SwarmNode

  const common = ['--host-root', host.root, '--runtime', runtime.family, '--json']
  const agent = ['--registry-listen', node.shim, '--admin-listen', node.admin]
  const registries = runtime.family === 'podman' ? ['--registry', 'docker.io', '--registry', 'quay.io'] : []
  const installed = lastJson(
    await shoal(host, 'install', ...common, ...agent, ...registries, ...installArgs),
  ) as Outcome
  const isSeen = installed.canaries.length > 0 && installed.canaries.every(({ seen }) => seen)

  if (restarts) pidBefore = program && (await host.pidOf(program))
  const requests = await requestsOf(node)
  await runtime.pull(host, `${lab.repository}:${lab.image.tag}`)
  const isPulled = (await requestsOf(node)) > requests
  const difference = (text: string) => differingLines(before, text)
  const duringInstall = difference(await host.describeEtc())

  await shoal(host, 'uninstall', ...common)
  await shoal(host, 'uninstall', ...common)
  const etcDifference = difference(await host.describeEtc())
  const pidAfter = program && (await host.pidOf(program))
  return {
    release: release.name,
    runtime: runtime.name,
    version,
    changed: installed.changed.length,
    canary: isSeen && duringInstall.length > 0,
    pull: isPulled,
    etcDifference,
    samePid: pidBefore === pidAfter,
    process: program === undefined ? 'no daemon' : restarts ? 'restarted once, as allowed' : 'the same',
    released: (await runtime.isReleased?.(host)) ?? true,
  }
}

async function shoal(host: Sandbox, ...args: string[]): Promise<string> {
  return await host.runBeside(process.execPath, [cli, ...args])
}

function lastJson(output: string): unknown {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '')
}

/** Requests of clients that the shim has answered. */
async function requestsOf(node: SwarmNode): Promise<number> {
  const lines = (await node.metrics())
    .split('\n')
    .filter((line) => line.startsWith('shoal_registry_requests_total{'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

function differingLines(one: string, other: string): string[] {
  const [left, right] = [new Set(one.split('\n')), new Set(other.split('\n'))]
  const missing = (from: Set<string>, within: Set<string>, sign: string) =>
    [...from].filter((line) => !within.has(line)).map((line) => sign + line)
  return [...missing(left, right, '-'), ...missing(right, left, '+')]
}
