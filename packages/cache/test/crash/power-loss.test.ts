import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { PartialBlob } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { type Cache, openCache } from '../../dist/index.js'
import { openCacheOn } from '../../dist/open-cache.js'
import { chunkLength, count, fill, load, makeBlob, makeDirectory, sha256, type TestBlob } from '../fixture.ts'
import { randomOf } from './load.ts'
import { PowerLossFiles } from './power-loss-files.ts'

const blobs = [makeBlob(1, 'a'), makeBlob(chunkLength + 7, 'b'), makeBlob(3 * chunkLength + 1, 'c')]

const which = fc.nat(blobs.length - 1)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ write: which, index: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ complete: which }) },
  { weight: 1, arbitrary: fc.record({ remove: which }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A cache whose machine loses power, and what must be there all the same. */
class Machine {
  readonly files: PowerLossFiles
  readonly #dataDir: string
  readonly #complete = new Set<TestBlob>()
  readonly #partials = new Map<TestBlob, PartialBlob>()
  #cache!: Cache

  constructor(dataDir: string, isHonest: boolean) {
    this.#dataDir = dataDir
    this.files = new PowerLossFiles({ dataDir, isHonest })
  }

  async start(): Promise<void> {
    this.#cache = await openCacheOn(this.files, { dataDir: this.#dataDir })
  }

  async apply(step: Step): Promise<void> {
    if ('write' in step) {
      const blob = blobAt(step.write)
      if (this.#complete.has(blob)) return
      const partial = await this.#partialOf(blob)
      await fill(partial, blob, [step.index % blob.layout.count])
    } else if ('complete' in step) {
      const blob = blobAt(step.complete)
      if (this.#complete.has(blob)) return
      const partial = await this.#partialOf(blob)
      await fill(partial, blob)
      await partial.complete()
      await this.files.indexSynced()
      await this.#close(blob)
      this.#complete.add(blob)
    } else {
      const blob = blobAt(step.remove)
      await this.#cache.blobs.delete(blob.descriptor.digest)
      this.#complete.delete(blob)
    }
  }

  /** Loses power, starts again and looks; what is wrong. */
  async losePower(seed: number): Promise<string[]> {
    const after = `${this.#dataDir}-after`
    await this.files.lose(after, randomOf(seed))
    await this.stop()
    const cache = await openCache({ dataDir: after })
    const findings: string[] = []
    for (const [i, blob] of blobs.entries()) {
      const bytes = await load(cache, blob).catch(() => undefined) // found damaged, hence lost
      if (bytes === undefined && this.#complete.has(blob)) findings.push(`blob ${i} is lost`)
      if (bytes !== undefined && !bytes.equals(blob.bytes)) findings.push(`blob ${i} is served wrong`)
      if (bytes === undefined) findings.push(...(await wrongChunks(cache, blob)))
    }
    await cache.stop()
    const again = await openCache({ dataDir: after })
    const { adopted, removed } = again.recovery
    if (adopted.length + removed.length > 0) findings.push('a second start finds more to put right')
    await again.stop()
    return findings
  }

  async stop(): Promise<void> {
    await this.#cache.stop()
  }

  async #partialOf(blob: TestBlob): Promise<PartialBlob> {
    const partial = this.#partials.get(blob) ?? (await this.#cache.blobs.openPartial(blob.descriptor))
    this.#partials.set(blob, partial)
    return partial
  }

  async #close(blob: TestBlob): Promise<void> {
    await this.#partials.get(blob)?.close()
    this.#partials.delete(blob)
  }
}

async function wrongChunks(cache: Cache, blob: TestBlob): Promise<string[]> {
  await using partial = await cache.blobs.openPartial(blob.descriptor)
  const held = count(blob).filter((index) => partial.held.has(index))
  const findings: string[] = []
  for (const index of held) {
    const bytes = await partial.readAt(blob.layout.rangeOf(index))
    if (!sha256(bytes).equals(blob.hash(index))) findings.push(`chunk ${index} is held and wrong`)
  }
  return findings
}

function blobAt(index: number): TestBlob {
  const blob = blobs[index]
  if (blob === undefined) throw new RangeError(`no blob ${index}`)
  return blob
}

async function run(directory: string, steps: readonly Step[], options: { seed: number; isHonest: boolean }) {
  const machine = new Machine(join(await mkdtemp(join(directory, 'run-')), 'data'), options.isHonest)
  await machine.start()
  for (const each of steps) await machine.apply(each)
  return machine.losePower(options.seed)
}

test('a power loss at any point loses no complete blob, and passes nothing off as one', async (t) => {
  const directory = await makeDirectory(t)
  const steps = fc.array(step, { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), async (sequence, seed) => {
      const findings = await run(directory, sequence, { seed, isHonest: true })
      if (findings.length > 0) throw new Error(findings.join('; '))
    }),
    { numRuns: 40, interruptAfterTimeLimit: 60_000 },
  )
  t.pass()
})

test('a disk that does not sync when it says so loses blobs, and even then serves nothing wrong', async (t) => {
  const directory = await makeDirectory(t)
  const findings: string[] = []
  for (let seed = 0; seed < 12; seed++) {
    findings.push(...(await run(directory, [{ complete: 2 }], { seed, isHonest: false })))
  }
  t.true(findings.some((finding) => finding.includes('lost')))
  t.deepEqual(
    findings.filter((finding) => finding.includes('wrong')),
    [],
  )
})

test('bytes are on the disk before they get their name, and the name before they count', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const files = new PowerLossFiles({ dataDir })
  const cache = await openCacheOn(files, { dataDir })
  t.teardown(() => cache.stop())
  const blob = makeBlob(chunkLength)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await partial.complete()
  const hex = blob.descriptor.digest.slice('sha256:'.length)
  t.deepEqual(files.trace, [
    `write partial/sha256/${hex}`,
    `datasync partial/sha256/${hex}`,
    `rename blobs/sha256/${hex}`,
    'sync directory blobs/sha256',
  ])
  await partial.close()
})
