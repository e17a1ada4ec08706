import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { AbortOptions } from '@shoal/content'
import { readableFault } from '../readable-fault.ts'
import { DemoError } from './demo-error.ts'
import { buildDemoImage } from './demo-image.ts'
import { formatBytes, formatSeconds } from './format.ts'
import { imageBytes, type OciLayout, openLayout } from './oci-layout.ts'
import { pullInstructions } from './pull-instructions.ts'
import { type DemoReport, formatReport } from './report.ts'
import { SwarmOfAgents } from './swarm-of-agents.ts'
import { SwarmPull } from './swarm-pull.ts'
import { UpstreamThread } from './upstream-thread.ts'

export interface DemoInit {
  readonly nodes: number
  /** An OCI layout to pull. @default an image made of this machine's files */
  readonly imageDir?: string | undefined
  /** Where to work. @default the system's temporary directory */
  readonly dataDir?: string | undefined
  /** How many agents to kill midway, of those that still pull then. @default 0 */
  readonly kill?: number | undefined
  /** Leave the swarm up after the pulls, until the signal. @default false */
  readonly keep?: boolean | undefined
  /** For people. */
  readonly output: NodeJS.WriteStream
}

/** The image's name in the swarm. The registry does not exist: the agents are told where it is. */
const image = { namespace: 'demo.registry', name: 'shoal/demo', tag: 'latest' }
/** Index, logs and preallocation beside the image itself. */
const spacePerNode = 1.05

/**
 * The main job: a swarm of agents on this machine, all of which pull one image at the same time from a
 * registry that counts what it sends. Leaves nothing behind.
 *
 * @throws DemoError when it can't be carried out; a pull that fails and a node that dies are part of the report
 */
export async function runDemo(init: DemoInit, options: AbortOptions = {}): Promise<DemoReport> {
  const closers: (() => Promise<void>)[] = []
  try {
    return await new Demo(init, closers, options).run()
  } finally {
    for (const close of closers.reverse()) {
      try {
        await close()
      } catch (error) {
        init.output.write(`  could not clean up: ${readableFault(error)}\n`)
      }
    }
  }
}

class Demo {
  readonly #init: DemoInit
  readonly #closers: (() => Promise<void>)[]
  readonly #signal: AbortSignal | undefined

  constructor(init: DemoInit, closers: (() => Promise<void>)[], { signal }: AbortOptions) {
    this.#init = init
    this.#closers = closers
    this.#signal = signal
  }

  async run(): Promise<DemoReport> {
    const workDir = await this.#workDirectory()
    const { layout, directory } = await this.#image(workDir)
    await assertSpace(workDir, this.#init.nodes * imageBytes(layout) * spacePerNode)
    const upstream = await UpstreamThread.start({ directory, name: image.name, tag: image.tag })
    this.#closers.push(() => upstream.stop())
    const swarm = await this.#swarm(workDir, upstream)

    const report = await this.#pullEverywhere(swarm, layout, upstream)
    this.#say(`\n${formatReport(report)}\n`)
    if (this.#init.keep === true) await this.#keep(swarm, report, workDir)
    return report
  }

  async #workDirectory(): Promise<string> {
    const parent = resolve(this.#init.dataDir ?? tmpdir())
    try {
      await mkdir(parent, { recursive: true })
      const workDir = await mkdtemp(join(parent, 'shoal-demo-'))
      this.#closers.push(() => rm(workDir, { recursive: true, force: true }))
      return workDir
    } catch (cause) {
      throw new DemoError(`can't work in ${parent}: ${readableFault(cause)}; name another with --data-dir`, {
        cause,
      })
    }
  }

  async #image(workDir: string): Promise<{ layout: OciLayout; directory: string }> {
    let directory = this.#init.imageDir
    const started = performance.now()
    if (directory === undefined) {
      this.#say('Making an image of the Node.js runtime and the installed packages …')
      directory = join(workDir, 'image')
      await buildDemoImage(directory, { signal: this.#signal })
    }
    const layout = await openLayout(directory)
    const layers = layout.pulled.filter(({ mediaType }) => /layer|rootfs/.test(mediaType))
    const took = this.#init.imageDir === undefined ? `, made in ${secondsSince(started)}` : ''
    this.#say(`  ${layers.length} layers, ${formatBytes(imageBytes(layout))}${took}`)
    return { layout, directory }
  }

  async #swarm(workDir: string, upstream: UpstreamThread): Promise<SwarmOfAgents> {
    const { nodes } = this.#init
    const started = performance.now()
    this.#say(`Starting ${nodes} ${nodes === 1 ? 'agent' : 'agents'} …`)
    const swarm = await SwarmOfAgents.start(
      { nodes, workDir, upstream: `${image.namespace}=${upstream.url}` },
      { signal: this.#signal },
    )
    this.#closers.push(() => swarm.stop())
    this.#say(`  ready, and joined to one swarm, in ${secondsSince(started)}`)
    this.#say(`  process ids, from node 1 on: ${swarm.nodes.map(({ pid }) => pid).join(' ')}`)
    return swarm
  }

  async #pullEverywhere(
    swarm: SwarmOfAgents,
    layout: OciLayout,
    upstream: UpstreamThread,
  ): Promise<DemoReport> {
    const { kill = 0, output } = this.#init
    const before = kill === 0 ? '' : `, of which ${kill} will be killed midway`
    this.#say(`Pulling ${image.namespace}/${image.name}:${image.tag} on all of them at once${before} …`)
    const { nodes } = swarm
    const pull = new SwarmPull({ nodes, upstream, image, imageBytes: imageBytes(layout), kill, output })
    const signal = this.#signal
    const report = await pull.run({ signal })
    // A node that ended by itself has a defect; its last lines are all that is left of it.
    for (const crash of pull.crashes) this.#say(`\n${crash.message}`)
    return report
  }

  async #keep(swarm: SwarmOfAgents, report: DemoReport, workDir: string): Promise<void> {
    const survivors = swarm.nodes.filter((_, index) => report.nodes[index]?.lost === null)
    const [first] = survivors
    if (first === undefined || this.#signal === undefined) return
    const { name, addresses } = first
    this.#say(await pullInstructions({ node: name, registry: addresses.registry, ...image, workDir }))
    for (const node of survivors) {
      this.#say(`  ${node.name.padEnd(8)} ${node.addresses.registry}`)
      node.onDeath(({ how }) => this.#say(`  ${node.name} ${how}.`))
    }
    this.#say('\nThe swarm stays up until Ctrl-C.')
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#signal.addEventListener('abort', () => resolve(), { once: true })
    if (!this.#signal.aborted) await promise
  }

  #say(line: string): void {
    this.#init.output.write(`${line}\n`)
  }
}

async function assertSpace(directory: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const free = bavail * bsize
  if (free >= needed) return
  throw new DemoError(
    `${directory} has ${formatBytes(free)} free, and the nodes' caches need ${formatBytes(needed)}; name a larger place with --data-dir, or fewer --nodes`,
  )
}

function secondsSince(started: number): string {
  return formatSeconds((performance.now() - started) / 1000)
}
