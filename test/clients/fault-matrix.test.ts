import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { installPackages } from '../harness/install.ts'
import { addImage, MemoryRegistry } from '../harness/memory-registry.ts'
import { run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import type { Client } from './client.ts'
import { cri } from './cri.ts'
import { ctr } from './ctr.ts'
import { docker } from './docker.ts'
import { type Duration, deadHost, type Fault, faults, injectFault } from './faults.ts'
import { clientPackages } from './lab.ts'
import { podman } from './podman.ts'
import { skopeo } from './skopeo.ts'

const clients: readonly Client[] = [ctr, cri, docker, podman, skopeo]
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
  readonly seconds: number
  /** The longest that the shim took to say that there is nothing. */
  readonly longestRefusal: number
  /** The longest that it took for an answer, of which some bytes came. */
  readonly longestAnswer: number
}

const rows: { fault: Fault; duration: Duration; cells: Cell[] }[] = []
let workspace: Workspace

test.before(async (t) => {
  t.timeout(1_200_000)
  await installPackages(clientPackages, 'npm run test:clients')
  workspace = await Workspace.create('faults')
})

test.after.always(async () => {
  await workspace?.[Symbol.asyncDispose]()
  // A part of it would not be the table.
  if (rows.length === allRows.length) await writeFile(table, markdown())
})

const allRows = faults.flatMap((fault) => {
  const durations: readonly Duration[] = fault.isSurvivable === true ? ['always'] : ['once', 'always']
  return durations.map((duration) => ({ fault, duration }))
})

for (const { fault, duration } of allRows) {
  test.serial(`${fault.name}, ${duration}`, async (t) => {
    const cells = await pullWithEach(fault, duration)
    rows.push({ fault, duration, cells })
    for (const { client, result, seconds, longestAnswer, longestRefusal } of cells) {
      const what = `${client} ${result} in ${seconds.toFixed(1)} s, the longest answer ${longestAnswer.toFixed(1)} s`
      t.log(what)
      t.not(result, 'WRONG', what)
      if (fault.isSurvivable === true || (duration === 'once' && isPassing(fault)))
        t.is(result, 'pulled', what)
      t.true(longestRefusal < maxWaitSeconds + slackSeconds, what)
      // A wait for the first byte, and one for a byte that never comes.
      t.true(longestAnswer < 2 * maxWaitSeconds + slackSeconds, what)
    }
  })
}

/** What a client alone gets over. A registry that says no is believed, and one that sends wrong bytes fails the pull. */
function isPassing({ name }: Fault): boolean {
  return !['404', '403', 'a wrong byte'].includes(name)
}

async function pullWithEach(fault: Fault, duration: Duration): Promise<Cell[]> {
  const name = `fault-${rows.length}`
  const home = await workspace.directory(name)
  await using registry = await MemoryRegistry.start()
  const images = await addImages(registry, home)
  injectFault(registry, fault, duration)
  await using node = await SwarmNode.start({
    ...{ name, directory: join(home, 'node'), secretFile: await newSecretFile(home), bootstrap: [] },
    // Named, so that it is dead and not forbidden.
    upstreams: [`docker.io=http://${registry.host}`, `dead.example=${deadHost}`],
    flags: ['--log-level', 'debug'],
  })
  const cells: Cell[] = []
  for (const [index, client] of clients.entries()) {
    const directory = join(home, String(index))
    await mkdir(directory)
    const seen = answers(node).length
    const startedAt = performance.now()
    const result = await pull(client, {
      shim: node.shim,
      directory,
      tag: `v${index}`,
      expected: images[index] ?? '',
    })
    const seconds = (performance.now() - startedAt) / 1000
    const given = answers(node).slice(seen)
    const longestOf = (some: readonly Answer[]) => Math.max(0, ...some.map((answer) => answer.seconds))
    const longestRefusal = longestOf(given.filter(({ status }) => status >= 400))
    cells.push({ client: client.name, result, seconds, longestRefusal, longestAnswer: longestOf(given) })
  }
  return cells
}

/** An image for each client, so that none finds what another had fetched; returns the hashes of their files. */
async function addImages(registry: MemoryRegistry, home: string): Promise<string[]> {
  const stored = registry.add(repository)
  const hashes: string[] = []
  for (const index of clients.keys()) {
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

async function pull(
  client: Client,
  { expected, ...where }: { shim: string; directory: string; tag: string; expected: string },
): Promise<Cell['result']> {
  try {
    await using pulled = await client.pull({ repository, ...where })
    const bytes = await readFile(join(pulled.root, 'file'))
    return createHash('sha256').update(bytes).digest('hex') === expected ? 'pulled' : 'WRONG'
  } catch {
    return 'failed' // the client said so, which is what the table is for
  }
}

interface Answer {
  readonly status: number
  readonly seconds: number
}

/** What the node answered, by its log. */
function answers({ wholeLog }: SwarmNode): Answer[] {
  return wholeLog
    .split('\n')
    .filter((line) => line.includes('"msg":"request served"'))
    .map((line) => JSON.parse(line) as Answer)
}

function markdown(): string {
  const head = [
    'upstream',
    'how long',
    ...clients.map(({ name }) => name),
    'longest refusal',
    'longest answer',
  ]
  const lines = rows.map(({ fault, duration, cells }) => {
    const texts = cells.map(({ result, seconds }) => `${result}, ${seconds.toFixed(1)} s`)
    const refusal = Math.max(...cells.map(({ longestRefusal }) => longestRefusal))
    const answer = Math.max(...cells.map(({ longestAnswer }) => longestAnswer))
    return [fault.name, duration, ...texts, `${refusal.toFixed(1)} s`, `${answer.toFixed(1)} s`]
  })
  return `${preface}\n${[head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

const preface = `# What clients get when an upstream fails

Written by \`npm run test:faults\` (\`test/clients/fault-matrix.test.ts\`). Each client pulls an image of its own through an
agent whose upstream misbehaves: on the first request for each content ("once"), or on every one ("always"). The seconds are
of the whole pull, the client's start included; the machine had other work. "Longest refusal" is how long the
shim took at most to say that it has nothing, "longest answer" how long it took for an answer, its bytes included. \`failed\` is what the client said after it found no other registry that has the image either: in
real life it goes on to the upstream itself. No pull may succeed with a wrong byte.
`
