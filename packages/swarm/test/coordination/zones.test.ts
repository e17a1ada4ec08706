import { ChunkSet } from '@shoal/content'
import test from 'ava'
import type { LeaseCommand } from '../../dist/coordination/lease-events.js'
import { LeaseTable } from '../../dist/coordination/lease-table.js'

const chunkCount = 64
const zoneOf = (member: string) => member.slice(0, 1)

/** A table with as many members in each zone, whose names begin with their zone's. */
function swarmOf(zones: readonly string[], membersEach: number) {
  let draws = 0
  const table = new LeaseTable({ chunkCount, random: () => (draws++ * 0.618_034) % 1 })
  for (let n = 0; n < membersEach; n++) {
    for (const zone of zones) {
      const held = new ChunkSet(chunkCount)
      table.step({ type: 'join', member: `${zone}${n}`, held, zone }, 0)
    }
  }
  return { table, told: introductionsIn(table.step({ type: 'settled' }, 0)) }
}

function introductionsIn(commands: readonly LeaseCommand[]) {
  return commands.filter((command) => command.type === 'neighbours')
}

const farPeers = ({ member, peers }: { member: string; peers: string[] }) =>
  peers.filter((peer) => zoneOf(peer) !== zoneOf(member))

test('a few members of each zone know peers in others, and each of these brings in another part', (t) => {
  const { told } = swarmOf(['a', 'b', 'c'], 60)
  for (const zone of ['a', 'b', 'c']) {
    const bridges = told.filter(
      (introduction) => zoneOf(introduction.member) === zone && farPeers(introduction).length > 0,
    )
    t.is(bridges.length, 8)
    t.deepEqual(bridges.map(({ farShare }) => farShare?.rank).sort(), [0, 1, 2, 3, 4, 5, 6, 7])
    t.true(bridges.every(({ farShare }) => farShare?.of === 8))
  }
})

test('all others know only their own zone, and many of it', (t) => {
  const { told } = swarmOf(['a', 'b'], 60)
  const others = told.filter(({ farShare }) => farShare === undefined)
  t.is(others.length, 104)
  for (const introduction of others) {
    t.deepEqual(farPeers(introduction), [])
    t.true(introduction.peers.length >= 16)
  }
})

test('where a bridge leaves, another member takes its part', (t) => {
  const { table, told } = swarmOf(['a', 'b'], 60)
  const bridge = told.find(({ member, farShare }) => zoneOf(member) === 'a' && farShare?.rank === 3)
  const replaced = introductionsIn(table.step({ type: 'leave', member: bridge?.member ?? '' }, 1))
  const next = replaced.find(({ farShare, member }) => zoneOf(member) === 'a' && farShare?.rank === 3)
  t.not(next?.member, undefined)
  t.not(next?.member, bridge?.member)
  t.true(next !== undefined && farPeers(next).length > 0)
})

test('the first member of a zone is told of the other zone', (t) => {
  const { table } = swarmOf(['a'], 20)
  const held = new ChunkSet(chunkCount)
  const told = introductionsIn(table.step({ type: 'join', member: 'b0', held, zone: 'b' }, 1))
  const newcomer = told.filter(({ member }) => member === 'b0')
  t.true(newcomer.flatMap(farPeers).length > 0)
})

test('without zones nobody is given a part', (t) => {
  let draws = 0
  const table = new LeaseTable({ chunkCount, random: () => (draws++ * 0.618_034) % 1 })
  for (let n = 0; n < 40; n++) table.step({ type: 'join', member: `${n}`, held: new ChunkSet(chunkCount) }, 0)
  const told = introductionsIn(table.step({ type: 'settled' }, 0))
  t.is(told.length, 40)
  t.true(told.every(({ farShare }) => farShare === undefined))
})

test('in a zone where nobody has a small blob, those who wait are told of a holder elsewhere', (t) => {
  const table = new LeaseTable({ chunkCount: 1, random: () => 0.5 })
  table.step({ type: 'join', member: 'a0', held: ChunkSet.full(1), zone: 'a' }, 0)
  const told = introductionsIn(
    table.step({ type: 'join', member: 'b0', held: new ChunkSet(1), zone: 'b' }, 0),
  )
  t.deepEqual(told[0]?.peers, ['a0'])
})
