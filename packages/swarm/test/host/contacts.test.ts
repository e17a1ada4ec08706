import { createHash } from 'node:crypto'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test from 'ava'
import { ClosestQuery } from '../../dist/discovery/closest-query.js'
import { compareDistance, kadId, placeOf } from '../../dist/discovery/kad-distance.js'
import { Contacts } from '../../dist/host/contacts.js'

interface Member {
  readonly peer: string
  readonly place: Uint8Array
  readonly contacts: Contacts
  readonly known: Member[]
}

function hashOf(text: string): Buffer<ArrayBuffer> {
  return createHash('sha256').update(text).digest()
}

/** The same each time: where chance puts two hundred, one part or another may be nearly empty. */
async function membersOf(count: number): Promise<Member[]> {
  const seeds = Array.from({ length: count }, (_, index) => hashOf(`member ${index}`))
  const keys = await Promise.all(seeds.map((seed) => generateKeyPairFromSeed('Ed25519', seed)))
  return keys.map((key) => {
    const peer = peerIdFromPrivateKey(key).toString()
    return { peer, place: placeOf(peer), contacts: new Contacts(peer), known: [] }
  })
}

function connect(a: Member, b: Member): void {
  if (a === b || a.contacts.has(b.peer)) return
  a.contacts.add(b.peer)
  a.known.push(b)
  b.contacts.add(a.peer)
  b.known.push(a)
}

const clusters = new Map<number, Promise<Member[]>>()

/** A cluster in which everybody has heard of everybody, in an order of its own, and met whom it wanted. */
function startCluster(count: number): Promise<Member[]> {
  const cluster = clusters.get(count) ?? buildCluster(count)
  clusters.set(count, cluster)
  return cluster
}

async function buildCluster(count: number): Promise<Member[]> {
  const members = await membersOf(count)
  for (const [index, member] of members.entries()) {
    for (const other of [...members.slice(index * 7), ...members.slice(0, index * 7)]) {
      if (member.contacts.isWanted(other.peer)) connect(member, other)
    }
  }
  return members
}

function closestTo(target: Uint8Array, members: readonly Member[], count: number): Member[] {
  return members.toSorted((a, b) => compareDistance(target, a.place, b.place)).slice(0, count)
}

/** Whom a look-up finds that begins with what one member knows, and goes on with what those who are asked know. */
function lookUp(target: Uint8Array, from: Member, members: ReadonlyMap<string, Member>): string[] {
  const query = new ClosestQuery({ target, width: 6, parallel: 3, quorum: 2, maxAsked: 24 })
  query.learn(closestTo(target, from.known, 12))
  while (!query.isDone) {
    for (const peer of query.take()) {
      const named = closestTo(target, members.get(peer)?.known ?? [], 20)
      query.answered(
        peer,
        named.filter((member) => member !== from),
      )
    }
  }
  return query.closest()
}

test('in a cluster of twenty everyone knows everyone', async (t) => {
  const members = await startCluster(20)
  t.deepEqual(new Set(members.map(({ known }) => known.length)), new Set([19]))
})

for (const count of [50, 200, 500]) {
  test(`among ${count} nodes those closest to a key are found, whoever looks`, async (t) => {
    const members = await startCluster(count)
    const byName = new Map(members.map((member) => [member.peer, member]))
    for (const [index, from] of members.slice(0, 50).entries()) {
      const target = kadId(hashOf(`target ${index}`))
      const others = members.filter((member) => member !== from)
      t.deepEqual(
        lookUp(target, from, byName),
        closestTo(target, others, 6).map(({ peer }) => peer),
      )
    }
  })
}

test('a node of two hundred has contacts with a quarter of them, and one of five hundred with no more', async (t) => {
  for (const count of [200, 500]) {
    const members = await startCluster(count)
    const total = members.reduce((sum, { known }) => sum + known.length, 0)
    t.true(total / count < 60, `${total / count} each`)
  }
})

test('a node estimates how many there are from those it knows', async (t) => {
  const [some] = (await startCluster(20)) as [Member]
  t.is(some.contacts.estimate(), 19)
  for (const count of [200, 500]) {
    const estimates = (await startCluster(count))
      .map(({ contacts }) => contacts.estimate())
      .sort((a, b) => a - b)
    const median = estimates[estimates.length / 2] ?? 0
    t.true(median > 0.7 * count && median < 1.5 * count, `${median} of ${count}`)
  }
})

test('whoever knows many and none in one part of the keyspace looks for some there', async (t) => {
  const [self, ...others] = (await membersOf(300)) as [Member, ...Member[]]
  const isFar = ({ place }: Member): boolean => (((place[0] ?? 0) ^ (self.place[0] ?? 0)) & 0x80) !== 0
  for (const other of others) if (!isFar(other)) connect(self, other)
  const [key, ...rest] = self.contacts.missing()
  t.deepEqual(rest, [])
  const place = kadId(key ?? new Uint8Array())
  t.true(isFar({ ...self, place }))
  t.true(self.contacts.isWanted(others.find(isFar)?.peer ?? ''))
})

test('a node that knows a few wants all, and looks for nobody', async (t) => {
  const [self, ...others] = (await membersOf(11)) as [Member, ...Member[]]
  for (const other of others.slice(0, 5)) connect(self, other)
  t.true(others.every(({ peer }) => self.contacts.isWanted(peer)))
  t.deepEqual(self.contacts.missing(), [])
})

test('who has gone makes room', async (t) => {
  const [self, ...others] = (await membersOf(200)) as [Member, ...Member[]]
  for (const other of others) if (self.contacts.isWanted(other.peer)) connect(self, other)
  const unwanted = others.find(({ peer }) => !self.contacts.isWanted(peer))?.peer ?? ''
  for (const { peer } of self.known) self.contacts.remove(peer)
  t.true(self.contacts.isWanted(unwanted))
})
