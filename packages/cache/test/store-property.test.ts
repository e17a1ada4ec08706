import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mkdtemp, open as openFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  type PartialBlob,
  parseImageReference,
  type StoredBlob,
  StoreError,
} from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { type Cache, openCache } from '../dist/index.js'
import {
  chunkLength,
  count,
  fileOf,
  fill,
  load,
  makeBlob,
  makeDirectory,
  makeImage,
  store,
  type TestBlob,
} from './fixture.ts'

const quotaBytes = 6 * chunkLength
const name = 'registry.test/app:1'
const image = makeImage([makeBlob(chunkLength, 'layer')])
/** One is larger than the quota; all together are far above it. */
const blobs: readonly TestBlob[] = [
  makeBlob(1, 'a'),
  makeBlob(chunkLength, 'b'),
  makeBlob(2 * chunkLength + 1, 'c'),
  makeBlob(3 * chunkLength, 'd'),
  makeBlob(7 * chunkLength, 'larger than the quota'),
  ...image.blobs,
]

const which = fc.nat(blobs.length - 1)
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ store: which }) },
  { weight: 2, arbitrary: fc.record({ lend: which }) },
  { weight: 2, arbitrary: fc.record({ begin: which, chunk: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ letGo: which }) },
  { weight: 2, arbitrary: fc.record({ read: which }) },
  { weight: 1, arbitrary: fc.record({ stopReading: which }) },
  { weight: 1, arbitrary: fc.record({ remove: which }) },
  { weight: 2, arbitrary: fc.record({ damage: which }) },
  { weight: 1, arbitrary: fc.constantFrom('pin', 'unpin', 'collect', 'restart') },
)
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never

/** What must be so, whatever was evicted when: the cache may let go of what is not used, and of nothing else. */
class Model {
  /** Stored and not known to be gone. */
  readonly complete = new Set<TestBlob>()
  readonly readers = new Map<TestBlob, StoredBlob>()
  readonly partials = new Map<TestBlob, PartialBlob>()
  /** Chunks that a live owner wrote. */
  readonly written = new Map<TestBlob, Set<number>>()
  isPinned = false
  /** Only its manifest tells what else belongs to an image. A pull fetches it first. */
  isManifestKnown = false

  add(blob: TestBlob): void {
    this.complete.add(blob)
    if (blob === image.manifest) this.isManifestKnown = true
  }

  mustStay(blob: TestBlob): boolean {
    const isPart = blob === image.manifest || (this.isManifestKnown && image.blobs.includes(blob))
    return this.readers.has(blob) || (this.isPinned && isPart)
  }
}

/** A cache, and the model beside it. */
class Subject {
  readonly #dataDir: string
  readonly #model = new Model()
  readonly #removed = new Set<Digest>()
  #cache!: Cache
  #clock = 1
  readonly done = { stored: 0, lent: 0, refused: 0, evicted: 0, damaged: 0 }

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async start(): Promise<void> {
    this.#cache = await openCache({
      dataDir: this.#dataDir,
      quota: { bytes: quotaBytes },
      now: () => this.#clock++,
      onEvent: ({ type }) => {
        if (type === 'evicted') this.done.evicted++
      },
    })
    this.#cache.blobs.onRemoved((digest) => this.#removed.add(digest))
    await this.#cache.metadata.putTag({ registry: 'registry.test', name: 'app' }, '1', {
      descriptor: image.manifest.descriptor,
      resolvedAt: 1,
      isPublic: true,
    })
  }

  async stop(): Promise<void> {
    for (const reader of this.#model.readers.values()) await reader.close()
    for (const partial of this.#model.partials.values()) await partial.close()
    this.#model.readers.clear()
    this.#model.partials.clear()
    this.#model.written.clear()
    await this.#cache.stop()
  }

  async apply(operation: Operation): Promise<void> {
    if (operation === 'restart') {
      await this.stop()
      await this.start()
    } else if (operation === 'pin') {
      await this.#cache.images.pin(parseImageReference(name))
      this.#model.isPinned = true
    } else if (operation === 'unpin') {
      if (this.#model.isPinned) await this.#cache.images.unpin(parseImageReference(name))
      this.#model.isPinned = false
    } else if (operation === 'collect') await this.#collect()
    else if (typeof operation === 'string') throw new Error(`no operation ${operation}`)
    else if ('store' in operation) await this.#store(blobAt(operation.store))
    else if ('lend' in operation) await this.#lend(blobAt(operation.lend))
    else if ('begin' in operation) await this.#begin(blobAt(operation.begin), operation.chunk)
    else if ('letGo' in operation) await this.#letGo(blobAt(operation.letGo))
    else if ('read' in operation) await this.#read(blobAt(operation.read))
    else if ('stopReading' in operation) await this.#stopReading(blobAt(operation.stopReading))
    else if ('remove' in operation) await this.#remove(blobAt(operation.remove))
    else await this.#damage(blobAt(operation.damage))
  }

  /** Compares the cache with the model, which first hears what has given way. */
  async check(): Promise<void> {
    const { complete, partials, written } = this.#model
    for (const blob of [...complete]) {
      if (await this.#cache.blobs.has(blob.descriptor.digest)) continue
      ok(!this.#model.mustStay(blob), `${blobs.indexOf(blob)} gave way while it was used or pinned`)
      ok(this.#removed.has(blob.descriptor.digest), `${blobs.indexOf(blob)} went without a word`)
      complete.delete(blob)
    }
    const listed = (await Array.fromAsync(this.#cache.blobs.list())).map(({ digest }) => digest)
    deepStrictEqual(new Set(listed), new Set([...complete].map(({ descriptor }) => descriptor.digest)))
    for (const [blob, partial] of partials) {
      deepStrictEqual(new Set(partial.held), written.get(blob))
    }
    ok(this.#cache.usedBytes() <= quotaBytes, `${this.#cache.usedBytes()} bytes, the quota is ${quotaBytes}`)
  }

  /** Every blob has its bytes: reading all is a use of all, so it comes at the end. */
  async checkBytes(): Promise<void> {
    for (const blob of this.#model.complete) {
      ok((await load(this.#cache, blob))?.equals(blob.bytes), `${blobs.indexOf(blob)} has other bytes`)
    }
  }

  async #store(blob: TestBlob): Promise<void> {
    if (this.#model.partials.has(blob) || this.#model.complete.has(blob)) return
    const refusal = await refusalOf(store(this.#cache, blob))
    if (refusal === undefined) {
      this.#removed.delete(blob.descriptor.digest)
      this.#model.add(blob)
      this.done.stored++
    } else {
      strictEqual(refusal, 'over-quota')
      this.done.refused++
    }
    if (blob.descriptor.size > quotaBytes) strictEqual(refusal, 'over-quota')
  }

  /** The cache may have the very file, which then has that name no more. */
  async #lend(blob: TestBlob): Promise<void> {
    const from = `${this.#dataDir}.lent`
    await writeFile(from, blob.bytes)
    const isHere = this.#model.complete.has(blob)
    const lent = { descriptor: blob.descriptor, from, mayLink: true }
    const [outcome] = await Promise.allSettled([this.#cache.importFile(lent)])
    await rm(from)
    if (outcome.status === 'rejected') {
      strictEqual(outcome.reason.fault, 'over-quota')
      this.done.refused++
      return
    }
    ok(blob.descriptor.size <= quotaBytes)
    strictEqual(outcome.value, isHere || !this.#model.partials.has(blob))
    if (!outcome.value || isHere) return
    this.#removed.delete(blob.descriptor.digest)
    this.#model.add(blob)
    this.done.lent++
  }

  async #begin(blob: TestBlob, chunk: number): Promise<void> {
    if (this.#model.complete.has(blob)) return
    let partial = this.#model.partials.get(blob)
    if (partial === undefined) {
      const [opened] = await Promise.allSettled([this.#cache.blobs.openPartial(blob.descriptor)])
      if (opened.status === 'rejected') return strictEqual(opened.reason.fault, 'over-quota')
      partial = opened.value
      this.#model.partials.set(blob, partial)
      this.#model.written.set(blob, new Set(partial.held))
    }
    const index = chunk % blob.layout.count
    await fill(partial, blob, [index])
    this.#model.written.get(blob)?.add(index)
  }

  async #letGo(blob: TestBlob): Promise<void> {
    const partial = this.#model.partials.get(blob)
    if (partial === undefined) return
    if (count(blob).every((index) => partial.held.has(index))) {
      await partial.complete()
      this.#removed.delete(blob.descriptor.digest)
      this.#model.add(blob)
      this.done.stored++
    }
    this.#model.partials.delete(blob)
    this.#model.written.delete(blob)
    await partial.close()
  }

  async #read(blob: TestBlob): Promise<void> {
    if (this.#model.readers.has(blob)) return
    const reader = await this.#cache.blobs.open(blob.descriptor.digest)
    if (reader !== undefined) this.#model.readers.set(blob, reader)
  }

  async #stopReading(blob: TestBlob): Promise<void> {
    await this.#model.readers.get(blob)?.close()
    this.#model.readers.delete(blob)
  }

  async #remove(blob: TestBlob): Promise<void> {
    await this.#cache.blobs.delete(blob.descriptor.digest)
    if (this.#model.complete.delete(blob)) ok(this.#removed.has(blob.descriptor.digest))
  }

  /** One bit, which the next read has to find. */
  async #damage(blob: TestBlob): Promise<void> {
    if (!this.#model.complete.has(blob) || this.#model.readers.has(blob)) return
    const { digest } = blob.descriptor
    const file = await openFile(fileOf(this.#dataDir, 'blobs', blob), 'r+')
    await file.write(Buffer.from([blob.bytes.readUInt8(0) ^ 1]), 0, 1, 0)
    await file.close()
    strictEqual(await refusalOf(load(this.#cache, blob)), 'damaged')
    strictEqual(await this.#cache.blobs.open(digest), undefined)
    ok(this.#removed.has(digest))
    this.#model.complete.delete(blob)
    this.done.damaged++
  }

  async #collect(): Promise<void> {
    await this.#cache.images.collect()
    for (const blob of [...this.#model.complete]) {
      const isKept = this.#model.mustStay(blob) || (await this.#cache.blobs.has(blob.descriptor.digest))
      if (!isKept) this.#model.complete.delete(blob)
    }
    await this.#cache.metadata.putTag({ registry: 'registry.test', name: 'app' }, '1', {
      descriptor: image.manifest.descriptor,
      resolvedAt: 1,
      isPublic: true,
    })
  }
}

async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  const [outcome] = await Promise.allSettled([work])
  if (outcome.status === 'fulfilled') return undefined
  if (outcome.reason instanceof StoreError) return outcome.reason.fault
  throw outcome.reason
}

function blobAt(index: number): TestBlob {
  const blob = blobs[index]
  if (blob === undefined) throw new RangeError(`no blob ${index}`)
  return blob
}

test('whatever is done, the cache keeps to its quota, keeps what is used, and tells of what goes', async (t) => {
  const directory = await makeDirectory(t)
  const totals = { stored: 0, lent: 0, refused: 0, evicted: 0, damaged: 0 }
  const operations = fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' })
  await fc.assert(
    fc.asyncProperty(operations, async (sequence) => {
      const subject = new Subject(await mkdtemp(join(directory, 'run-')))
      await subject.start()
      try {
        for (const each of sequence) {
          await subject.apply(each)
          await subject.check()
        }
        await subject.checkBytes()
      } finally {
        await subject.stop()
      }
      for (const key of ['stored', 'lent', 'refused', 'evicted', 'damaged'] as const)
        totals[key] += subject.done[key]
    }),
    // A failure is shrunk by more runs, which must not take longer than the test may.
    { numRuns: 30, interruptAfterTimeLimit: 60_000 },
  )
  t.log(JSON.stringify(totals))
  t.true(Object.values(totals).every((total) => total > 0))
})
