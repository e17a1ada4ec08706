import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { AbortOptions } from '@shoal/content'
import { readableFault } from '../readable-fault.ts'
import type { AgentProcess } from './agent-process.ts'
import { DemoError } from './demo-error.ts'
import { buildDemoImage } from './demo-image.ts'
import { formatBytes, formatSeconds } from './format.ts'
import { pullImage } from './image-puller.ts'
import { imageBytes, type OciLayout, openLayout } from './oci-layout.ts'
import { Progress } from './progress.ts'
import { pullInstructions } from './pull-instructions.ts'
import { type DemoReport, formatReport, type NodeReport } from './report.ts'
import { SwarmOfAgents } from './swarm-of-agents.ts'
import { UpstreamRegistry } from './upstream-registry.ts'

export interface DemoInit {
  readonly nodes: number
  /** An OCI layout to pull. @default an image made of this machine's files */
  readonly imageDir?: string | undefined
  /** Where to work. @default the system's temporary directory */
  readonly dataDir?: string | undefined
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
 * @throws DemoError when it can't be carried out; a pull that fails is part of the report
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
    const layout = await this.#image(workDir)
    await assertSpace(workDir, this.#init.nodes * imageBytes(layout) * spacePerNode)
    const upstream = await UpstreamRegistry.start({ layout, ...image })
    this.#closers.push(() => upstream.stop())
    const swarm = await this.#swarm(workDir, upstream)

    const report = await this.#pullEverywhere(swarm, layout, upstream)
    this.#say(`\n${formatReport(report)}\n`)
    if (this.#init.keep === true) await this.#keep(swarm, workDir)
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

  async #image(workDir: string): Promise<OciLayout> {
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
    return layout
  }

  async #swarm(workDir: string, upstream: UpstreamRegistry): Promise<SwarmOfAgents> {
    const { nodes } = this.#init
    const started = performance.now()
    this.#say(`Starting ${nodes} ${nodes === 1 ? 'agent' : 'agents'} …`)
    const swarm = await SwarmOfAgents.start(
      { nodes, workDir, upstream: `${image.namespace}=${upstream.url}` },
      { signal: this.#signal },
    )
    this.#closers.push(() => swarm.stop())
    this.#say(`  ready, and joined to one swarm, in ${secondsSince(started)}`)
    return swarm
  }

  async #pullEverywhere(
    swarm: SwarmOfAgents,
    layout: OciLayout,
    upstream: UpstreamRegistry,
  ): Promise<DemoReport> {
    this.#say(`Pulling ${image.namespace}/${image.name}:${image.tag} on all of them at once …`)
    const size = imageBytes(layout)
    const names = swarm.nodes.map(({ name }) => name)
    const progress = new Progress(names, size, this.#init.output)
    // A node that dies must not leave its client waiting.
    const death = new AbortController()
    swarm.onDeath((error) => death.abort(error))
    const signal = this.#signal ? AbortSignal.any([this.#signal, death.signal]) : death.signal
    const started = performance.now()
    try {
      const nodes = await Promise.all(
        swarm.nodes.map((node, index) => this.#pull(node, index, progress, { signal })),
      )
      signal.throwIfAborted()
      const upstreamBytes = upstream.bytesSent
      return {
        nodes,
        imageBytes: size,
        upstreamBytes,
        upstreamRequests: upstream.counts.requests,
        copies: upstreamBytes / size,
        seconds: (performance.now() - started) / 1000,
        verified: nodes.every(({ verified }) => verified),
      }
    } finally {
      progress.stop()
    }
  }

  async #pull(
    node: AgentProcess,
    index: number,
    progress: Progress,
    options: AbortOptions,
  ): Promise<NodeReport> {
    const started = performance.now()
    const { registry } = node.addresses
    const onBytes = (bytes: number) => progress.received(index, bytes)
    let problem: string | undefined
    try {
      await pullImage({ registry, ...image, onBytes }, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      problem = readableFault(error)
    }
    const seconds = (performance.now() - started) / 1000
    progress.ended(index, seconds, problem)
    const { fromUpstream, fromPeers, fromCache } = (await node.status(options)).transfers
    return { id: index + 1, seconds, fromUpstream, fromPeers, fromCache, verified: problem === undefined }
  }

  async #keep(swarm: SwarmOfAgents, workDir: string): Promise<void> {
    const [first] = swarm.nodes
    if (first === undefined || this.#signal === undefined) return
    this.#say(await pullInstructions({ registry: first.addresses.registry, ...image, workDir }))
    const others = swarm.nodes.map(({ name, addresses }) => `  ${name.padEnd(8)} ${addresses.registry}`)
    this.#say(`${others.join('\n')}\n\nThe swarm stays up until Ctrl-C.`)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    swarm.onDeath(reject)
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
