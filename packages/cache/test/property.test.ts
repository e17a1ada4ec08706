import { deepStrictEqual, strictEqual } from 'node:assert'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { DigestMismatchError, type PartialBlob, StoreError } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { type Cache, openCache } from '../dist/index.js'
import { chunkLength, count, load, makeBlob, makeDirectory } from './fixture.ts'

/** Two contents of one size: chunks of the second are wrong in the first. Quick, with a short last chunk. */
const right = makeBlob(3 * chunkLength + 1000, 'right')
const wrong = makeBlob(3 * chunkLength + 1000, 'wrong')
const { digest } = right.descriptor

const index = fc.nat(right.layout.count - 1)
const chunk = fc.record({ index, from: fc.constantFrom(right, right, right, wrong) })

/** What is done, and how often in relation to the rest. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ write: fc.array(chunk, { minLength: 1, maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ drop: fc.array(index, { maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.constant('fill' as const) },
  { weight: 3, arbitrary: fc.constant('complete' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
  { weight: 1, arbitrary: fc.constant('delete' as const) },
)
type Chunk = typeof chunk extends fc.Arbitrary<infer C> ? C : never
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** The cache, and beside it what must be in it. */
class Subject {
  readonly #dataDir: string
  #cache!: Cache
  #partial!: PartialBlob
  readonly #held = new Map<number, typeof right>()
  #stored = false
  completed = 0

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async start(): Promise<void> {
    this.#cache = await openCache({ dataDir: this.#dataDir })
    this.#partial = await this.#cache.blobs.openPartial(right.descriptor)
  }

  async stop(): Promise<void> {
    await this.#cache.stop()
  }

  async apply(step: Step): Promise<void> {
    if (step === 'complete') await this.#complete()
    else if (step === 'fill') await this.#write(count(right).map((index) => ({ index, from: right })))
    else if (step === 'reopen') await this.#reopen()
    else if (step === 'delete') await this.#delete()
    else if (step === 'restart') {
      await this.stop()
      await this.start()
    } else if ('write' in step) await this.#write(step.write)
    else {
      await this.#partial.drop(step.drop)
      for (const index of step.drop) this.#held.delete(index)
    }
  }

  async check(): Promise<void> {
    deepStrictEqual(new Set(this.#partial.held), new Set(this.#held.keys()))
    for (const [index, from] of this.#held) {
      deepStrictEqual(Buffer.from(await this.#partial.readAt(right.layout.rangeOf(index))), from.chunk(index))
      deepStrictEqual(Buffer.from(this.#partial.hashOf(index) ?? []), from.hash(index))
    }
    strictEqual(await this.#cache.blobs.has(digest), this.#stored)
    deepStrictEqual(await load(this.#cache, right), this.#stored ? right.bytes : undefined)
  }

  async #write(chunks: readonly Chunk[]): Promise<void> {
    await Promise.all(
      chunks.map(({ index, from }) => this.#partial.write(index, from.chunk(index), from.hash(index))),
    )
    for (const { index, from } of chunks) if (!this.#held.has(index)) this.#held.set(index, from)
  }

  async #complete(): Promise<void> {
    const all = this.#held.size === right.layout.count
    const good = [...this.#held.values()].every((from) => from === right)
    const [outcome] = await Promise.allSettled([this.#partial.complete()])
    const error = outcome.status === 'rejected' ? outcome.reason : undefined
    if (!all) strictEqual(error instanceof StoreError && error.fault, 'not-held')
    else if (!good) strictEqual(error instanceof DigestMismatchError, true)
    else {
      strictEqual(error, undefined)
      this.#stored = true
      this.completed++
      this.#held.clear()
      await this.#reopen()
    }
  }

  async #reopen(): Promise<void> {
    await this.#partial.close()
    this.#partial = await this.#cache.blobs.openPartial(right.descriptor)
  }

  async #delete(): Promise<void> {
    await this.#cache.blobs.delete(digest)
    this.#stored = false
  }
}

test('whatever is done, the cache holds what it should', async (t) => {
  const directory = await makeDirectory(t)
  let completed = 0
  const steps = fc.array(step, { minLength: 1, maxLength: 25, size: 'max' })
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const subject = new Subject(await mkdtemp(join(directory, 'run-')))
      await subject.start()
      try {
        for (const each of sequence) {
          await subject.apply(each)
          await subject.check()
        }
      } finally {
        await subject.stop()
      }
      completed += subject.completed
    }),
    // A failure is shrunk by more runs, which must not take longer than the test may.
    { numRuns: 25, interruptAfterTimeLimit: 60_000 },
  )
  t.log(`${completed} blobs completed`)
  t.true(completed > 0)
})
