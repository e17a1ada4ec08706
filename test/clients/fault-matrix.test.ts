import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { installPackages } from '../harness/install.ts'
import { addImage, MemoryRegistry } from '../harness/memory-registry.ts'
import { run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import type { Client, PullRequest } from './client.ts'
import { type ClientRelease, clientHost } from './client-host.ts'
import { cri } from './cri.ts'
import { ctr } from './ctr.ts'
import { docker } from './docker.ts'
import { type Duration, deadHost, type Fault, faults, injectFault } from './faults.ts'
import { clientPackages } from './lab.ts'
import { podman } from './podman.ts'
import { skopeo } from './skopeo.ts'

/** A client of a Debian. */
interface Column {
  readonly client: Client
  readonly release: ClientRelease
}

/** This machine's, and newer ones in root directories of their own: what differs between their versions is how they fail. */
const clientsOf: Readonly<Record<ClientRelease, readonly Client[]>> = {
  bookworm: [ctr, cri, docker, podman, skopeo],
  trixie: [ctr, cri, docker, podman, skopeo],
  sid: [ctr, cri, docker, podman, skopeo],
}

const allColumns: readonly Column[] = Object.entries(clientsOf).flatMap(([release, clients]) =>
  clients.map((client) => ({ client, release: release as ClientRelease })),
)
/** Such as `trixie dockerd, sid dockerd`: only these columns are run, and written into the table as it is. */
const wanted = process.env.SHOAL_FAULT_COLUMNS?.split(',').map((text) => text.trim())
const columns = allColumns.filter(
  ({ client, release }) => wanted?.includes(`${release} ${client.name}`) ?? true,
)
/** The kubelet tries again after 10 s. */
const firstRetryMs = 10_500
/** Pulls of a row at the same time: most of them wait. Each has a node, an image and directories of its own. */
const parallel = 3
const repository = 'library/shoal-fault-test'
const layerBytes = 3 * 1024 * 1024
/** The rule: nobody waits longer for an answer, or for its next byte. The rest is for a busy machine. */
const maxWaitSeconds = 15
const slackSeconds = 2
const table = fileURLToPath(new URL('../../docs/faults.md', import.meta.url))

/** What one client got under one fault. */
interface Cell {
  readonly client: string
  readonly result: 'pulled' | 'failed' | 'WRONG'
  /** Pulls that it took. */
  readonly attempts: number
  /** What the client said when it failed. */
  readonly why: string
  readonly seconds: number
  /** The longest that the shim took to say that there is nothing. */
  readonly longestRefusal: number
  /** The longest that a client waited for a byte, the first or the next. */
  readonly longestSilence: number
}

const rows: { fault: Fault; duration: Duration; cells: Cell[] }[] = []
let workspace: Workspace

test.before(async (t) => {
  t.timeout(3_000_000)
  await installPackages(clientPackages, 'npm run test:clients')
  workspace = await Workspace.create('faults')
})

test.after.always(async () => {
  // A part of it would not be the table.
  if (rows.length === allRows.length) await writeFile(table, await markdown())
  await workspace?.[Symbol.asyncDispose]()
})

const allRows = faults.flatMap((fault) => {
  const durations: readonly Duration[] = fault.isSurvivable === true ? ['always'] : ['once', 'always']
  return durations.map((duration) => ({ fault, duration }))
})

for (const { fault, duration } of allRows) {
  test.serial(`${fault.name}, ${duration}`, async (t) => {
    const cells = await pullWithEach(fault, duration)
    rows.push({ fault, duration, cells })
    for (const { client, result, attempts, why, seconds, longestSilence, longestRefusal } of cells) {
      const what = `${client} ${result} at attempt ${attempts} in ${seconds.toFixed(1)} s, the longest silence ${longestSilence.toFixed(1)} s`
      t.log(what, why)
      t.not(result, 'WRONG', what)
      if (fault.isSurvivable === true || duration === 'once') t.is(result, 'pulled', what)
      if (fault.isSurvivable === true || (duration === 'once' && isPassing(fault))) t.is(attempts, 1, what)
      t.true(longestRefusal < maxWaitSeconds + slackSeconds, what)
      t.true(longestSilence < maxWaitSeconds + slackSeconds, what)
    }
  })
}

/**
 * A registry that fails once for each content fails four pulls of a client alone: the tag, the manifest, its configuration
 * and its layer.
 */
const maxAttempts = 5

/** What a client alone gets over at once. A registry that says no is believed, and one that sends wrong bytes fails the pull. */
function isPassing({ name }: Fault): boolean {
  return !['404', '403', 'a wrong byte'].includes(name)
}

async function pullWithEach(fault: Fault, duration: Duration): Promise<Cell[]> {
  const home = await workspace.directory(`fault-${rows.length}`)
  await using registry = await MemoryRegistry.start()
  const images = await addImages(registry, home)
  injectFault(registry, fault, duration)
  const cells: Cell[] = []
  const waiting = columns.entries()
  const work = async () => {
    for (const [index, column] of waiting) {
      const pulling = {
        registry,
        home: join(home, String(index)),
        tag: `v${index}`,
        expected: images[index] ?? '',
      }
      cells[index] = await pullWith(column, pulling, duration === 'once' ? maxAttempts : 1)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return cells
}

interface Pulling {
  readonly registry: MemoryRegistry
  /** Does not exist yet. */
  readonly home: string
  readonly tag: string
  /** The hash of the image's file. */
  readonly expected: string
}

/** Through a node of its own, which knows nothing of what other clients met; a failed pull is tried again. */
async function pullWith(
  { client, release }: Column,
  { registry, home, tag, expected }: Pulling,
  attempts: number,
): Promise<Cell> {
  await mkdir(home)
  await using resources = new AsyncDisposableStack()
  const node = resources.use(
    await SwarmNode.start({
      ...{ name: tag, directory: join(home, 'node'), secretFile: await newSecretFile(home), bootstrap: [] },
      // Named, so that it is dead and not forbidden.
      upstreams: [`docker.io=http://${registry.host}`, `dead.example=${deadHost}`],
      flags: ['--log-level', 'debug'],
    }),
  )
  const startedAt = performance.now()
  let outcome: Outcome = { result: 'failed', why: '' }
  let attempt = 0
  while (attempt < attempts && outcome.result === 'failed') {
    if (++attempt === 2) await delay(firstRetryMs)
    const directory = join(home, String(attempt))
    await mkdir(directory)
    await using host = await clientHost(release, workspace.path)
    const { result, why } = await pull(client, { shim: node.shim, directory, tag, expected, host })
    outcome = { result, why: why || outcome.why }
  }
  const seconds = (performance.now() - startedAt) / 1000
  const given = answers(node)
  const longest = (times: readonly number[]) => Math.max(0, ...times)
  return {
    ...{ client: `${client.name}, ${release}`, ...outcome, attempts: attempt, seconds },
    longestRefusal: longest(given.filter(({ status }) => status >= 400).map((answer) => answer.seconds)),
    longestSilence: longest(given.map(({ longestWait }) => longestWait)),
  }
}

/** An image for each client, so that none finds what another had fetched; returns the hashes of their files. */
async function addImages(registry: MemoryRegistry, home: string): Promise<string[]> {
  const stored = registry.add(repository)
  const hashes: string[] = []
  for (const index of columns.keys()) {
    const place = join(home, `tree-${index}`)
    await mkdir(place)
    const bytes = randomBytes(layerBytes)
    await writeFile(join(place, 'file'), bytes)
    await run('tar', ['-C', place, '-cf', `${place}.tar`, 'file'])
    addImage(stored, `v${index}`, [await readFile(`${place}.tar`)])
    hashes.push(createHash('sha256').update(bytes).digest('hex'))
  }
  return hashes
}

type Outcome = Pick<Cell, 'result' | 'why'>

async function pull(
  client: Client,
  { expected, ...where }: { expected: string } & Omit<PullRequest, 'repository'>,
): Promise<Outcome> {
  try {
    await using pulled = await client.pull({ repository, ...where })
    const bytes = await readFile(join(pulled.root, 'file'))
    const isRight = createHash('sha256').update(bytes).digest('hex') === expected
    return { result: isRight ? 'pulled' : 'WRONG', why: '' }
  } catch (error) {
    return { result: 'failed', why: String(error).slice(-600) } // the table is for that
  }
}

interface Answer {
  readonly status: number
  readonly seconds: number
  readonly longestWait: number
}

/** What the node answered, by its log. */
function answers({ wholeLog }: SwarmNode): Answer[] {
  return wholeLog
    .split('\n')
    .filter((line) => line.includes('"msg":"request served"'))
    .map((line) => JSON.parse(line) as Answer)
}

async function markdown(): Promise<string> {
  const names = await Promise.all(
    allColumns.map(async (column) => `${column.client.name} ${await versionOf(column)}`),
  )
  const head = ['upstream', 'how long', ...names, 'longest refusal', 'longest silence']
  const before = wanted === undefined ? new Map<string, string>() : cellsOf(await readFile(table, 'utf8'))
  const lines = rows.map(({ fault, duration, cells }) => {
    const earlier = (column: string) => before.get(cellKey(fault.name, duration, column))
    const texts = allColumns.map((column, index) => {
      const cell = cells[columns.indexOf(column)]
      return cell === undefined ? (earlier(names[index] ?? '') ?? 'not run') : textOf(cell)
    })
    const longest = (name: string, seconds: readonly number[]) =>
      `${Math.max(Number.parseFloat(earlier(name) ?? '0'), ...seconds).toFixed(1)} s`
    const refusal = longest(
      'longest refusal',
      cells.map(({ longestRefusal }) => longestRefusal),
    )
    const silence = longest(
      'longest silence',
      cells.map(({ longestSilence }) => longestSilence),
    )
    return [fault.name, duration, ...texts, refusal, silence]
  })
  return `${preface}\n${[head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

function textOf({ result, attempts, seconds }: Cell): string {
  const atWhich = result === 'pulled' && attempts > 1 ? ` at attempt ${attempts}` : ''
  return `${result}${atWhich}, ${seconds.toFixed(1)} s`
}

function cellKey(fault: string, duration: string, column: string): string {
  return `${fault} | ${duration} | ${column}`
}

/** The cells of a table that an earlier run wrote. */
function cellsOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.startsWith('| '))
  const [head = [], , ...body] = lines.map((line) => line.slice(2, -2).split(' | '))
  return new Map(
    body.flatMap(([fault = '', duration = '', ...cells]) =>
      cells.map((cell, index) => [cellKey(fault, duration, head[index + 2] ?? ''), cell] as const),
    ),
  )
}

async function versionOf({ client, release }: Column): Promise<string> {
  await using host = await clientHost(release, workspace.path)
  const text = await host.machine.run(client.program, ['--version'])
  return `${/\d+\.\d+\.\d+/.exec(text)?.[0]} (${release})`
}

const preface = `# What clients get when an upstream fails

Written by \`npm run test:faults\` (\`test/clients/fault-matrix.test.ts\`). Each client pulls an image of its own, through an
agent of its own whose upstream misbehaves: on the first request for each content ("once"), or on every one ("always"). The
clients are those of Debian 12, 13 and sid. A pull that failed at what happens once is tried again, as the kubelet does, after
10 s the first time. The seconds are of the whole, the client's start and the pauses included; three clients pulled at the
same time, and the machine had other work. "Longest refusal" is how long the shim took at most to say that it has nothing,
"longest silence" the longest that a client waited for the first or the next byte of an answer; neither may exceed 15 s.
Where a pull took longer than that (podman 5 and skopeo when upstream stalls midway always: about a minute), the client itself
went on trying: it asks the shim again for the rest each time that an answer broke off. A run may be of some columns only
(\`SHOAL_FAULT_COLUMNS\`); the others are then those of the run before. \`failed\` is what the client said after it found no
other registry that has the image either: in real life it goes on to the upstream itself. No pull may succeed with a wrong
byte.
`
