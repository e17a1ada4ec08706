import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseImageReference } from '@shoal/content'
import { CacheIndex } from '../../dist/cache-index.js'
import { type Cache, openCache } from '../../dist/index.js'
import { chunkLength, load, makeBlob, makeImage, sha256, type TestBlob } from '../fixture.ts'
import { blobCount, loadBlob, quotaBytes, randomOf } from './load.ts'

const script = fileURLToPath(new URL('load.script.ts', import.meta.url))
const pinnedName = 'registry.example/pinned:1'
/** From the start of the process: some kills come before the cache is open. */
const maxLifeMs = 1_200

/** What the rounds came to. All but the first four should be 0. */
export interface CrashFigures {
  rounds: number
  kills: number
  /** Complete blobs that were read and compared after a restart. */
  blobsChecked: number
  /** Chunks of partial blobs that were. */
  chunksChecked: number
  /** Blobs or chunks that had been confirmed, and were gone. */
  losses: number
  /** Bytes that were served and are not those of the blob. */
  wrong: number
  /** Files or rows that nothing refers to, and bytes above the quota. */
  leaks: number
}

/** Kills a cache under load, so many times, and looks after each at what is left. */
export class CrashRounds {
  readonly figures: CrashFigures = {
    rounds: 0,
    kills: 0,
    blobsChecked: 0,
    chunksChecked: 0,
    losses: 0,
    wrong: 0,
    leaks: 0,
  }
  /** What was found wrong, for people. */
  readonly findings: string[] = []
  readonly #dataDir: string
  readonly #random: (bound: number) => number
  readonly #complete = new Set<string>()
  readonly #marked = new Map<string, Set<number>>()
  readonly #pinned = makeImage([makeBlob(2 * chunkLength + 1, 'pinned layer')])

  constructor(dataDir: string, seed: number) {
    this.#dataDir = dataDir
    this.#random = randomOf(seed)
  }

  /** Stores an image that must be there ever after. */
  async prepare(): Promise<void> {
    const cache = await openCache({ dataDir: this.#dataDir })
    await this.#pinned.store(cache, pinnedName)
    await cache.images.pin(parseImageReference(pinnedName))
    for (const { descriptor } of this.#pinned.blobs) this.#complete.add(descriptor.digest)
    await cache.stop()
  }

  async round(): Promise<void> {
    this.figures.rounds++
    await this.#loadAndKill()
    // Without a quota: what is there now must not give way to the looking.
    const cache = await openCache({ dataDir: this.#dataDir })
    await this.#checkBlobs(cache)
    await this.#checkPartials(cache)
    await cache.stop()
    await this.#checkLeaks()
  }

  async #loadAndKill(): Promise<void> {
    const child = spawn(process.execPath, [script, this.#dataDir, String(this.#random(2 ** 31))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const output: Buffer[] = []
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes))
    const closed = once(child.stdout, 'close')
    await Promise.race([delay(150 + this.#random(maxLifeMs)), exited])
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      this.figures.kills++
    } else this.#found('wrong', `the load ended by itself with status ${child.exitCode}`)
    await Promise.all([exited, closed])
    // The last line may be cut: what it says did not get through.
    for (const line of Buffer.concat(output).toString().split('\n').slice(0, -1)) this.#hear(line.split(' '))
  }

  #hear([what, which = '', index = '']: string[]): void {
    const digest = which.includes(':') ? which : loadBlob(Number(which)).descriptor.digest
    if (what === 'complete') {
      this.#complete.add(digest)
      this.#marked.delete(digest)
    } else if (what === 'marked') {
      const marked = this.#marked.get(digest) ?? new Set()
      this.#marked.set(digest, marked.add(Number(index)))
    } else if (what === 'removing') this.#complete.delete(digest)
    else if (what === 'dropping') this.#marked.delete(digest)
    else if (what === 'wrong') this.#found('wrong', `blob ${which} was served wrong`)
  }

  async #checkBlobs(cache: Cache): Promise<void> {
    const known = new Map<string, TestBlob>()
    for (const blob of this.#pinned.blobs) known.set(blob.descriptor.digest, blob)
    for (let which = 0; which < blobCount; which++)
      known.set(loadBlob(which).descriptor.digest, loadBlob(which))
    for (const [digest, blob] of known) {
      const bytes = await load(cache, blob)
      if (bytes === undefined) {
        if (this.#complete.delete(digest)) this.#found('losses', `complete blob ${digest} is gone`)
        continue
      }
      this.figures.blobsChecked++
      if (!bytes.equals(blob.bytes)) this.#found('wrong', `blob ${digest} is wrong after a restart`)
      this.#complete.add(digest) // its completion was not heard of
      this.#marked.delete(digest)
    }
    for await (const { digest } of cache.blobs.list()) {
      if (!known.has(digest)) this.#found('wrong', `blob ${digest} was never stored`)
    }
  }

  async #checkPartials(cache: Cache): Promise<void> {
    for (let which = 0; which < blobCount; which++) {
      const blob = loadBlob(which)
      const { digest } = blob.descriptor
      const marked = this.#marked.get(digest)
      if (marked === undefined || this.#complete.has(digest)) continue
      const partial = await cache.blobs.openPartial(blob.descriptor)
      for (const index of marked) {
        if (!partial.held.has(index)) this.#found('losses', `chunk ${index} of ${digest} is gone`)
      }
      for (const index of partial.held) {
        this.figures.chunksChecked++
        const bytes = await partial.readAt(blob.layout.rangeOf(index))
        if (!sha256(bytes).equals(blob.hash(index))) this.#found('wrong', `chunk ${index} of ${digest}`)
        marked.add(index)
      }
      await partial.close()
    }
  }

  /** What is on the disk is what the index says, and the other way round. */
  async #checkLeaks(): Promise<void> {
    const index = await CacheIndex.open(join(this.#dataDir, 'index'))
    const keys = async (table: { keys(): AsyncIterable<string> }) =>
      new Set(await Array.fromAsync(table.keys()))
    const [blobs, partials] = [await keys(index.blobs), await keys(index.partials)]
    this.#compare('complete', await this.#files('blobs'), blobs)
    this.#compare('partial', await this.#files('partial'), partials)
    this.#compare('uploads', new Set(await readdir(join(this.#dataDir, 'uploads'))), new Set())
    this.#compare('hashes', await keys(index.hashes), blobs)
    this.#compare('sums', await keys(index.sums), blobs)
    for (const key of await keys(index.uses)) if (!blobs.has(key)) this.#found('leaks', `use of ${key}`)
    for (const key of await keys(index.chunks)) {
      if (!partials.has(key.split('/')[0] ?? '')) this.#found('leaks', `chunk row ${key}`)
    }
    let bytes = 0
    for await (const { size } of index.listBlobs()) bytes += size
    if (bytes > quotaBytes)
      this.#found('leaks', `${bytes} bytes of complete blobs, the quota is ${quotaBytes}`)
    await index.close()
  }

  #compare(what: string, found: ReadonlySet<string>, expected: ReadonlySet<string>): void {
    for (const each of found)
      if (!expected.has(each)) this.#found('leaks', `${what}: ${each} is one too many`)
    for (const each of expected) if (!found.has(each)) this.#found('leaks', `${what}: ${each} is missing`)
  }

  async #files(kind: 'blobs' | 'partial'): Promise<Set<string>> {
    const names = new Set<string>()
    for (const algorithm of await readdir(join(this.#dataDir, kind))) {
      for (const hex of await readdir(join(this.#dataDir, kind, algorithm))) names.add(`${algorithm}:${hex}`)
    }
    return names
  }

  #found(kind: 'losses' | 'wrong' | 'leaks', what: string): void {
    this.figures[kind]++
    this.findings.push(`round ${this.figures.rounds}: ${what}`)
  }
}
