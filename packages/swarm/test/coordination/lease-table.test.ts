import { ChunkSet } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import type { LeaseCommand, LeaseEvent } from '../../dist/coordination/lease-events.js'
import { LeaseTable } from '../../dist/coordination/lease-table.js'

const none = (count: number) => new ChunkSet(count)

function tableOf(chunkCount: number): LeaseTable {
  return new LeaseTable({ chunkCount, random: () => 0.5 })
}

function leasesOf(commands: LeaseCommand[], member: string): number[] {
  return commands
    .filter((command) => command.type === 'lease' && command.member === member)
    .flatMap((command) => (command.type === 'lease' ? command.runs : []))
    .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, offset) => start + offset))
}

/** Members that all would fetch a blob of 1,000 chunks, and what they have been leased and not landed. */
function swarmOf(members: number) {
  const table = tableOf(1_000)
  const leases = new Map<string, number[]>()
  let now = 0
  const step = (event: LeaseEvent) => {
    for (const command of table.step(event, now)) {
      if (command.type !== 'lease') continue
      const { member } = command
      leases.set(member, [...(leases.get(member) ?? []), ...leasesOf([command], member)])
    }
  }
  step({ type: 'settled' })
  for (let n = 0; n < members; n++) {
    step({ type: 'join', member: `m${n}`, held: none(1_000) })
    step({ type: 'ask', member: `m${n}`, willing: true })
  }
  /** The next chunk of whoever has waited for the longest. */
  const landOne = () => {
    now += 20
    const [first] = leases
    if (first === undefined) return
    const [member, [index = -1, ...rest]] = first
    leases.delete(member)
    if (rest.length > 0) leases.set(member, rest)
    step({ type: 'landed', member, index })
  }
  return { leases, landOne }
}

test('nothing is leased before the search for providers has ended', (t) => {
  const table = tableOf(4)
  table.step({ type: 'join', member: 'a', held: none(4) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a'), [])
  t.true(leasesOf(table.step({ type: 'settled' }, 1), 'a').length > 0)
})

test('nothing is leased before members have heard the providers that the search named', (t) => {
  const table = tableOf(4)
  table.step({ type: 'join', member: 'a', held: none(4) }, 0)
  table.step({ type: 'ask', member: 'a', willing: true }, 0)
  table.step({ type: 'providers', peers: ['p'] }, 1)
  t.deepEqual(leasesOf(table.step({ type: 'settled' }, 2), 'a'), [])
  t.deepEqual(leasesOf(table.step({ type: 'tick' }, 301), 'a'), [])
  t.true(leasesOf(table.step({ type: 'tick' }, 302), 'a').length > 0)
})

test('what a client waits for before anything may be leased is leased first, once it may', (t) => {
  const table = tableOf(100)
  table.step({ type: 'join', member: 'a', held: none(100) }, 0)
  table.step({ type: 'join', member: 'b', held: none(100) }, 0)
  table.step({ type: 'ask', member: 'a', willing: true }, 0)
  t.deepEqual(table.step({ type: 'want', member: 'a', indexes: [90] }, 0), [])
  t.is(leasesOf(table.step({ type: 'settled' }, 1), 'a')[0], 90)
})

test('two members never hold a lease for the same chunk', (t) => {
  const table = tableOf(40)
  table.step({ type: 'settled' }, 0)
  for (const member of ['a', 'b', 'c']) table.step({ type: 'join', member, held: none(40) }, 0)
  const leased = ['a', 'b', 'c'].flatMap((member) =>
    leasesOf(table.step({ type: 'ask', member, willing: true }, 0), member),
  )
  t.is(new Set(leased).size, leased.length)
})

test('a chunk that a live member holds is not leased', (t) => {
  const table = tableOf(4)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: ChunkSet.of(4, [0, 1]) }, 0)
  table.step({ type: 'join', member: 'b', held: none(4) }, 0)
  const first = leasesOf(table.step({ type: 'ask', member: 'b', willing: true }, 0), 'b')
  t.true(first.length > 0)
  t.true(first.every((index) => index >= 2))
})

test('the leases of a member that leaves go to one that waits', (t) => {
  const table = tableOf(1)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(1) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a'), [0])
  table.step({ type: 'join', member: 'b', held: none(1) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'ask', member: 'b', willing: true }, 0), 'b'), [])
  t.deepEqual(leasesOf(table.step({ type: 'leave', member: 'a' }, 1), 'b'), [0])
})

test('a chunk is leased again when its last holder leaves', (t) => {
  const table = tableOf(1)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: ChunkSet.full(1) }, 0)
  table.step({ type: 'join', member: 'b', held: none(1) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'ask', member: 'b', willing: true }, 0), 'b'), [])
  t.deepEqual(leasesOf(table.step({ type: 'leave', member: 'a' }, 0), 'b'), [0])
})

test('a lease without progress is revoked and given to another', (t) => {
  const table = tableOf(1)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'silent', held: none(1) }, 0)
  table.step({ type: 'ask', member: 'silent', willing: true }, 0)
  table.step({ type: 'join', member: 'quick', held: none(1) }, 0)
  table.step({ type: 'ask', member: 'quick', willing: true }, 0)
  t.deepEqual(table.step({ type: 'tick' }, 5_999), [])
  const commands = table.step({ type: 'tick' }, 6_000)
  t.deepEqual(commands[0], { type: 'revoke', member: 'silent', runs: [{ start: 0, end: 1 }] })
  t.deepEqual(leasesOf(commands, 'quick'), [0])
})

for (const [chunkMs, patienceMs] of [
  [1_000, 6_000],
  [5_000, 10_000],
  [60_000, 30_000],
] as const) {
  test(`where a chunk takes ${chunkMs} ms, a lease without progress is kept for ${patienceMs} ms`, (t) => {
    const table = tableOf(64)
    table.step({ type: 'settled' }, 0)
    table.step({ type: 'join', member: 'a', held: none(64) }, 0)
    const [index = -1] = leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a')
    table.step({ type: 'landed', member: 'a', index }, chunkMs)
    t.deepEqual(table.step({ type: 'tick' }, chunkMs + patienceMs - 1), [])
    t.is(table.step({ type: 'tick' }, chunkMs + patienceMs)[0]?.type, 'revoke')
  })
}

test('a chunk that lands keeps the rest of its lease', (t) => {
  const table = tableOf(4)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(4) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a'), [0, 1, 2, 3])
  table.step({ type: 'landed', member: 'a', index: 0 }, 5_000)
  t.deepEqual(table.step({ type: 'tick' }, 10_000), [])
})

test('a lease is kept as long as bytes come in, however long a chunk takes', (t) => {
  const table = tableOf(1)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(1) }, 0)
  table.step({ type: 'ask', member: 'a', willing: true }, 0)
  for (let now = 1_000; now <= 30_000; now += 1_000) {
    table.step({ type: 'working', member: 'a' }, now)
    t.deepEqual(table.step({ type: 'tick' }, now), [])
  }
})

test('runs shrink as members join', (t) => {
  const runOf = (members: number) => {
    const table = tableOf(64)
    table.step({ type: 'settled' }, 0)
    for (let n = 0; n < members; n++) table.step({ type: 'join', member: `m${n}`, held: none(64) }, 0)
    const asked = table.step({ type: 'ask', member: 'm0', willing: true }, 0)
    const index = leasesOf(asked, 'm0')[0] ?? -1
    return leasesOf(table.step({ type: 'landed', member: 'm0', index }, 100), 'm0').length
  }
  t.is(runOf(1), 8)
  t.is(runOf(16), 2)
})

test('where a chunk takes long, and where nobody knows yet how long, runs are short', (t) => {
  const table = tableOf(1_000)
  table.step({ type: 'settled' }, 0)
  for (const member of ['a', 'b']) table.step({ type: 'join', member, held: none(1_000) }, 0)
  const first = leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a')
  t.is(first.length, 1)
  const [index = -1] = first
  t.is(leasesOf(table.step({ type: 'landed', member: 'a', index }, 300), 'a').length, 3)
})

test('a member has its next run before the last one ends, while few others fetch', (t) => {
  const table = tableOf(64)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(64) }, 0)
  const first = leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a')
  t.is(first.length, 8)
  const land = (index: number) => leasesOf(table.step({ type: 'landed', member: 'a', index }, 0), 'a')
  t.is(land(0).length, 8)
  t.deepEqual([1, 2, 3, 4, 5, 6].flatMap(land), [])
  t.is(land(7).length, 8)
})

test('a holder that shows before anything has landed finds chunks that nobody fetches', (t) => {
  const table = tableOf(12)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(12) }, 0)
  t.is(leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a').length, 8)
  table.step({ type: 'join', member: 'seed', held: ChunkSet.full(12) }, 0)
  t.deepEqual(leasesOf(table.step({ type: 'landed', member: 'a', index: 0 }, 0), 'a'), [])
})

test('in a swarm of many nobody has a run ahead', (t) => {
  const swarm = swarmOf(16)
  for (let landed = 0; landed < 200; landed++) swarm.landOne()
  t.is(swarm.leases.size, 16)
  t.true(Math.max(...[...swarm.leases.values()].map((indexes) => indexes.length)) <= 8)
})

test('a member that would fetch no more gets no run ahead', (t) => {
  const table = tableOf(64)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(64) }, 0)
  const [first] = leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a')
  table.step({ type: 'ask', member: 'a', willing: false }, 0)
  const landed = Array.from({ length: 16 }, (_, offset) => Number(first) + offset).flatMap((index) =>
    leasesOf(table.step({ type: 'landed', member: 'a', index }, 0), 'a'),
  )
  t.deepEqual(landed, [])
})

/** How many chunks each lease has that goes to `a`, who lands all in turn, beside members that have nothing to do. */
function runLengths(chunks: number, beside: readonly string[], chunkMs = 100): number[] {
  const table = tableOf(chunks)
  table.step({ type: 'settled' }, 0)
  for (const member of ['a', ...beside]) table.step({ type: 'join', member, held: none(chunks) }, 0)
  const lengths: number[] = []
  const leased: number[] = []
  const take = (commands: LeaseCommand[]) => {
    for (const command of commands) {
      const run = leasesOf([command], 'a')
      lengths.push(run.length)
      leased.push(...run)
    }
  }
  take(table.step({ type: 'ask', member: 'a', willing: true }, 0))
  let now = 0
  for (let index = leased.shift(); index !== undefined; index = leased.shift()) {
    now += chunkMs
    take(table.step({ type: 'landed', member: 'a', index }, now))
  }
  return lengths
}

test('runs shrink towards the end', (t) => {
  const lengths = runLengths(64, ['b'])
  t.deepEqual(lengths.slice(0, 3), [1, 8, 8])
  t.deepEqual(lengths.slice(-2), [1, 1])
  t.is(
    lengths.reduce((sum, length) => sum + length),
    64,
  )
})

test('the runs of a member that is alone stay long', (t) => {
  t.deepEqual(runLengths(64, []), Array(8).fill(8))
})

test('runs take a quarter of a second where eight chunks take less, and never are of more than 32', (t) => {
  t.deepEqual(runLengths(1_000, [], 10).slice(0, 4), [8, 25, 25, 25])
  t.deepEqual(runLengths(1_000, [], 2).slice(0, 4), [8, 32, 32, 32])
  t.deepEqual(runLengths(1_000, ['b'], 2).slice(0, 3), [1, 32, 32])
})

test('few members fetch at first, and then as many as upstream has use for', (t) => {
  const swarm = swarmOf(100)
  t.is(swarm.leases.size, 4)
  for (let landed = 0; landed < 200; landed++) swarm.landOne()
  t.true(swarm.leases.size >= 16 && swarm.leases.size <= 64, `${swarm.leases.size} fetch`)
})

/** Ten chunks, of which `quick` fetched two at this pace, and `late` has the rest by another coordinator's word. */
function tail({ quickMs, lateMs }: { quickMs: number; lateMs: number }): LeaseCommand[] {
  const table = tableOf(10)
  table.step({ type: 'settled' }, 0)
  const join = (member: string, start: number, end: number) =>
    table.step({ type: 'join', member, held: none(10), leased: [{ start, end }] }, 0)
  join('late', 0, 8)
  join('quick', 8, 10)
  for (const n of [1, 2]) table.step({ type: 'landed', member: 'quick', index: 7 + n }, n * quickMs)
  table.step({ type: 'landed', member: 'late', index: 0 }, lateMs)
  return table.step({ type: 'ask', member: 'quick', willing: true }, lateMs)
}

test('with nothing left to lease, half of a slow run goes to a member that has nothing to do', (t) => {
  t.deepEqual(tail({ quickMs: 50, lateMs: 1_000 }), [
    { type: 'revoke', member: 'late', runs: [{ start: 4, end: 8 }] },
    { type: 'lease', member: 'quick', runs: [{ start: 4, end: 8 }] },
  ])
})

test('where all are slow, nothing is taken from anybody', (t) => {
  t.deepEqual(tail({ quickMs: 500, lateMs: 1_000 }), [])
})

test('while upstream asks to be left alone, nothing is leased', (t) => {
  const table = tableOf(4)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(4) }, 0)
  const indexes = leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a')
  t.deepEqual(table.step({ type: 'release', member: 'a', indexes, pauseMs: 2_000 }, 0), [])
  t.deepEqual(table.step({ type: 'tick' }, 1_999), [])
  t.true(leasesOf(table.step({ type: 'tick' }, 2_000), 'a').length > 0)
})

test('when upstream sends one member the whole blob, the others are called off', (t) => {
  const table = tableOf(64)
  table.step({ type: 'settled' }, 0)
  for (const member of ['a', 'b']) {
    table.step({ type: 'join', member, held: none(64) }, 0)
    table.step({ type: 'ask', member, willing: true }, 0)
  }
  const all = [{ start: 0, end: 64 }]
  t.deepEqual(table.step({ type: 'claim', member: 'a' }, 0), [{ type: 'revoke', member: 'b', runs: all }])
  t.deepEqual(table.step({ type: 'claim', member: 'b' }, 0), [{ type: 'revoke', member: 'b', runs: all }])
  t.deepEqual(leasesOf(table.step({ type: 'leave', member: 'a' }, 1), 'b').length, 64)
})

test('those who come before the swarm begins each know and are known to as many', (t) => {
  let draws = 0
  const table = new LeaseTable({ chunkCount: 2, random: () => (draws++ * 0.618_034) % 1 })
  for (let n = 0; n < 200; n++) table.step({ type: 'join', member: `m${n}`, held: none(2) }, 0)
  const told = table.step({ type: 'settled' }, 0).filter((command) => command.type === 'neighbours')
  t.is(told.length, 200)
  const known = told.map((command) => (command.type === 'neighbours' ? command.peers.length : 0))
  t.true(
    Math.min(...known) >= 18 && Math.max(...known) <= 24,
    `${Math.min(...known)} to ${Math.max(...known)}`,
  )
})

test('a newcomer is told of complete members first, and the others of the newcomer', (t) => {
  const table = tableOf(2)
  for (let n = 0; n < 40; n++) table.step({ type: 'join', member: `part${n}`, held: none(2) }, 0)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'seed', held: ChunkSet.full(2) }, 0)
  const commands = table.step({ type: 'join', member: 'new', held: none(2) }, 0)
  const told = commands.find((command) => command.type === 'neighbours' && command.member === 'new')
  t.is(told?.type === 'neighbours' ? told.peers[0] : undefined, 'seed')
  t.true(told?.type === 'neighbours' && told.peers.length >= 20)
})

test('a blob of one chunk brings together only those who have it and those who wait', (t) => {
  const table = tableOf(1)
  for (const member of ['a', 'b', 'c', 'd', 'e', 'f']) {
    t.deepEqual(table.step({ type: 'join', member, held: none(1) }, 0), [])
  }
  const told = (commands: LeaseCommand[]) =>
    commands.flatMap((command) => (command.type === 'neighbours' ? [[command.member, ...command.peers]] : []))
  const first = told(table.step({ type: 'landed', member: 'a', index: 0 }, 0))
  t.deepEqual(first, [
    ['b', 'a'],
    ['c', 'a'],
    ['d', 'a'],
    ['e', 'a'],
  ])
  t.deepEqual(told(table.step({ type: 'landed', member: 'b', index: 0 }, 0)), [['f', 'b']])
  t.is(told(table.step({ type: 'join', member: 'late', held: none(1) }, 0)).length, 1)
})

test('providers that the DHT names are told to members', (t) => {
  const table = tableOf(2)
  table.step({ type: 'join', member: 'a', held: none(2) }, 0)
  t.deepEqual(table.step({ type: 'providers', peers: ['p', 'a'] }, 0), [
    { type: 'neighbours', member: 'a', peers: ['p'], complete: [] },
  ])
  t.deepEqual(table.step({ type: 'providers', peers: ['p'] }, 0), [])
})

/** Random joins, asks, landings, releases, silences and departures of up to 6 members. */
const schedules = fc.array(
  fc.record({
    member: fc.nat(5),
    action: fc.constantFrom('join', 'ask', 'land', 'release', 'leave', 'wait'),
  }),
  { minLength: 10, maxLength: 200 },
)

test('whatever happens, no chunk is leased twice, nor while someone has it; and in the end all are fetched', (t) => {
  fc.assert(
    fc.property(schedules, fc.integer({ min: 1, max: 60 }), (schedule, count) => {
      const world = new World(count)
      for (const { member, action } of schedule) world.act(`m${member}`, action)
      return world.finish()
    }),
    { numRuns: 300 },
  )
  t.pass()
})

/** What members hold and have leased, by what the table told them; checks every lease against it. */
class World {
  readonly table: LeaseTable
  readonly count: number
  readonly members = new Map<string, { held: ChunkSet; leased: Set<number> }>()
  now = 0

  constructor(count: number) {
    this.count = count
    this.table = tableOf(count)
    this.table.step({ type: 'settled' }, 0)
  }

  act(name: string, action: string): void {
    const member = this.members.get(name)
    if (action === 'wait') {
      this.now += 2_500
      return this.#apply(this.table.step({ type: 'tick' }, this.now))
    }
    if (action === 'join' && member === undefined) {
      this.members.set(name, { held: none(this.count), leased: new Set() })
      return this.#apply(this.table.step({ type: 'join', member: name, held: none(this.count) }, this.now))
    }
    if (member === undefined) return
    if (action === 'ask') this.#apply(this.table.step({ type: 'ask', member: name, willing: true }, this.now))
    if (action === 'leave') {
      this.members.delete(name)
      this.#apply(this.table.step({ type: 'leave', member: name }, this.now))
    }
    const [index] = member.leased
    if (index === undefined) return
    if (action === 'land') {
      member.leased.delete(index)
      member.held.add(index)
      this.#apply(this.table.step({ type: 'landed', member: name, index }, this.now))
    }
    if (action === 'release') {
      member.leased.delete(index)
      this.#apply(this.table.step({ type: 'release', member: name, indexes: [index] }, this.now))
    }
  }

  /** One member that keeps asking gets all that nobody has. */
  finish(): boolean {
    for (const name of [...this.members.keys()]) this.act(name, 'leave')
    this.act('last', 'join')
    for (let round = 0; round <= this.count; round++) {
      this.act('last', 'ask')
      while ((this.members.get('last')?.leased.size ?? 0) > 0) this.act('last', 'land')
    }
    return this.members.get('last')?.held.isComplete === true
  }

  #apply(commands: LeaseCommand[]): void {
    for (const command of commands) {
      const member = this.members.get(command.member)
      if (member === undefined) throw new Error(`a command for ${command.member}, who left`)
      if (command.type === 'revoke')
        for (const { start, end } of command.runs) this.#revoke(member.leased, start, end)
      if (command.type !== 'lease') continue
      for (const { start, end } of command.runs)
        for (let index = start; index < end; index++) this.#lease(member, index)
    }
  }

  #lease(to: { leased: Set<number> }, index: number): void {
    for (const { held, leased } of this.members.values()) {
      if (held.has(index)) throw new Error(`chunk ${index} was leased while someone has it`)
      if (leased.has(index)) throw new Error(`chunk ${index} was leased twice`)
    }
    to.leased.add(index)
  }

  #revoke(leased: Set<number>, start: number, end: number): void {
    for (let index = start; index < end; index++) leased.delete(index)
  }
}

test('what a client of a member waits for is leased to it at once, out of turn', (t) => {
  const table = tableOf(100)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(100) }, 0)
  t.deepEqual(
    leasesOf(table.step({ type: 'ask', member: 'a', willing: true }, 0), 'a'),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
  const wanted = leasesOf(table.step({ type: 'want', member: 'a', indexes: [90, 95] }, 1), 'a')
  t.deepEqual(wanted, [90, 91, 92, 93, 94, 95, 96, 97])
})

test('what another member fetches or holds is not leased to who waits for it', (t) => {
  const table = tableOf(100)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: ChunkSet.of(100, [50]) }, 0)
  table.step({ type: 'join', member: 'b', held: none(100) }, 0)
  t.true(leasesOf(table.step({ type: 'want', member: 'a', indexes: [90] }, 0), 'a').includes(90))
  t.deepEqual(table.step({ type: 'want', member: 'b', indexes: [50, 90] }, 0), [])
})

test('no more than so much is leased to a member out of turn', (t) => {
  const table = tableOf(1_000)
  table.step({ type: 'settled' }, 0)
  table.step({ type: 'join', member: 'a', held: none(1_000) }, 0)
  const indexes = Array.from({ length: 100 }, (_, n) => n * 10)
  t.is(leasesOf(table.step({ type: 'want', member: 'a', indexes }, 0), 'a').length, 112)
  t.deepEqual(table.step({ type: 'want', member: 'a', indexes: [9] }, 0), [])
})
