import { ChunkLayout, ChunkSet } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { LeaseTable } from '../../dist/coordination/lease-table.js'
import type { DownloadCommand, DownloadEvent } from '../../dist/download/download-events.js'
import { DownloadPlanner } from '../../dist/download/planner.js'
import { ReadingPositions } from '../../dist/download/reading-positions.js'
import { commandsOf, plannerFor } from './virtual-swarm.ts'

const positions = fc.array(
  fc.record({ reader: fc.integer({ min: 0, max: 20 }), index: fc.integer({ min: 0, max: 99 }) }),
)
const heldChunks = fc.array(fc.integer({ min: 0, max: 99 })).map((indexes) => ChunkSet.of(100, indexes))

test('places are missing, distinct, bounded, and where somebody reads on', (t) => {
  fc.assert(
    fc.property(positions, heldChunks, (moves, held) => {
      const reading = new ReadingPositions()
      for (const [now, { reader, index }] of moves.entries()) reading.moved(reader, index, now)
      const places = reading.places(held)
      const at = new Map(moves.map(({ reader, index }) => [reader, index]))
      const expected = new Set([...at.values()].map((index) => held.firstMissing(index)))
      const isSomewhere = (place: number) => expected.has(place) || place === held.firstMissing(0)
      return (
        places.length >= 1 &&
        places.length <= 8 &&
        new Set(places).size === places.length &&
        (held.isComplete || places.every((place) => !held.has(place) && isSomewhere(place)))
      )
    }),
  )
  t.pass()
})

test('who waits longest comes first, and who has much to read comes last', (t) => {
  const reading = new ReadingPositions()
  const held = ChunkSet.of(100, [70, 71, 72, 73, 74, 75, 76, 77, 78])
  reading.moved(1, 70, 0)
  reading.moved(2, 50, 1)
  reading.moved(3, 30, 2)
  reading.moved(2, 51, 3)
  t.deepEqual(reading.places(held), [30, 51, 79])
  reading.left(3)
  t.deepEqual(reading.places(held), [51, 79])
})

test('peers are asked in turn for what each of several clients waits for', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'reading', reader: 0, index: 40 }, 0)
  planner.step({ type: 'reading', reader: 1, index: 10 }, 0)
  const requests = commandsOf(
    planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(64) }, 0),
    'request',
  )
  t.deepEqual(
    requests.map(({ index }) => index),
    [40, 10, 41, 11, 42, 12, 43, 13],
  )
})

test('a client that reads in order has nothing asked for out of turn', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'coordinated', connected: true }, 0)
  for (let index = 0; index < 10; index++) {
    const reading = planner.step({ type: 'reading', reader: 0, index }, index * 100)
    t.deepEqual(commandsOf(reading, 'want'), [])
    planner.step({ type: 'stored', index, from: 'upstream' }, index * 100 + 50)
  }
})

/** A node alone with its coordinator, and an upstream that sends one chunk in a unit of time, to all requests in turn. */
class LoneNode {
  readonly #held: ChunkSet
  readonly #planner: DownloadPlanner
  readonly #table: LeaseTable
  readonly #requests: { readonly run: { start: number; end: number }; next: number }[] = []
  readonly fetched: number[]
  now = 0

  constructor(count: number) {
    this.#held = new ChunkSet(count)
    this.fetched = Array<number>(count).fill(0)
    const layout = new ChunkLayout(count * 256 * 1024)
    this.#planner = new DownloadPlanner({
      self: 'self',
      layout,
      held: new ChunkSet(count),
      random: () => 0.5,
      now: 0,
    })
    this.#table = new LeaseTable({ chunkCount: count, random: () => 0.5 })
    this.#table.step({ type: 'join', member: 'self', held: new ChunkSet(count) }, 0)
    this.#table.step({ type: 'settled' }, 0)
    this.dispatch({ type: 'coordinated', connected: true })
  }

  get held(): ChunkSet {
    return this.#held
  }

  dispatch(event: DownloadEvent): void {
    for (const command of this.#planner.step(event, this.now)) this.#obey(command)
  }

  /** The next chunk comes, of the request whose turn it is. */
  sendOne(chunkMs: number): void {
    this.now += chunkMs
    this.dispatch({ type: 'tick' })
    const request = this.#requests.shift()
    if (request === undefined) return
    const index = request.next++
    this.fetched[index] = (this.fetched[index] ?? 0) + 1
    if (request.next < request.run.end) this.#requests.push(request)
    if (this.#held.add(index)) {
      this.dispatch({ type: 'stored', index, from: 'upstream' })
      this.#tell({ type: 'landed', member: 'self', index })
    }
    if (request.next === request.run.end) this.dispatch({ type: 'upstream-ended', run: request.run })
  }

  #obey(command: DownloadCommand): void {
    if (command.type === 'fetch') this.#requests.push({ run: command.run, next: command.run.start })
    if (command.type === 'ask') this.#tell({ type: 'ask', member: 'self', willing: command.willing })
    if (command.type === 'want') this.#tell({ type: 'want', member: 'self', indexes: command.indexes })
    if (command.type === 'release') this.#tell({ type: 'release', member: 'self', indexes: command.indexes })
  }

  #tell(event: Parameters<LeaseTable['step']>[0]): void {
    for (const command of this.#table.step(event, this.now))
      if (command.type === 'lease') this.dispatch({ type: 'leased', runs: command.runs })
  }
}

test('wherever clients of a cold blob read, each gets its next chunk soon, and upstream sends none twice', (t) => {
  const worlds = fc.record({
    starts: fc.array(fc.integer({ min: 0, max: 499 }), { minLength: 1, maxLength: 8 }),
    chunkMs: fc.constantFrom(10, 100, 300),
  })
  // Two requests in order and two for readers share the line, each reader has its turn among at most eight, and one that has
  // much leased already asks again a second later.
  const maxWaitMs = (chunkMs: number) => 36 * chunkMs + 2_000
  fc.assert(
    fc.property(worlds, ({ starts, chunkMs }) => {
      const node = new LoneNode(500)
      const readers = starts.map((start) => ({ next: start, since: 0 }))
      for (let sent = 0; sent < 600 && !node.held.isComplete; sent++) {
        for (const [reader, state] of readers.entries()) {
          if (state.next === 500) continue
          const isFed = node.held.has(state.next)
          if (isFed) state.next++
          if (isFed) state.since = node.now
          if (node.now - state.since > maxWaitMs(chunkMs)) return false
          if (state.next === 500) node.dispatch({ type: 'left', reader })
          else if (!node.held.has(state.next)) node.dispatch({ type: 'reading', reader, index: state.next })
        }
        node.sendOne(chunkMs)
      }
      return node.held.isComplete && node.fetched.every((times) => times === 1)
    }),
    { numRuns: 200 },
  )
  t.pass()
})
