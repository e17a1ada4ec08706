import test from 'ava'
import fc from 'fast-check'
import { UploadTurns, uploadCost } from '../../dist/exchange/upload-turns.js'

interface Client {
  readonly name: string
}
const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name })) as [Client, Client, Client]

test('a want is served while there is a free slot', (t) => {
  const turns = new UploadTurns<Client>(() => 2)
  t.true(turns.want(a))
  t.true(turns.want(a))
  t.false(turns.want(b))
})

test('who waits in line is granted the slot that comes free, and may use it', (t) => {
  const turns = new UploadTurns<Client>(() => 1)
  turns.want(a)
  turns.want(b)
  t.deepEqual(turns.done(a, 10), [b])
  t.false(turns.want(a), 'the slot is kept for b')
  t.true(turns.want(b))
})

test('of those in line the one that was served least comes first', (t) => {
  const turns = new UploadTurns<Client>(() => 1)
  turns.want(a)
  turns.done(a, 100)
  turns.want(b)
  turns.done(b, 10)
  turns.want(c)
  turns.want(a)
  turns.want(b)
  t.deepEqual(turns.done(c, 1), [b])
})

test('who has few sources is served more often than who has many', (t) => {
  const turns = new UploadTurns<Client>(() => 1)
  const sources = new Map([
    [a, 20],
    [b, 5],
  ])
  const served = new Map([
    [a, 0],
    [b, 0],
  ])
  turns.want(a)
  turns.want(b)
  let client = a
  for (let chunk = 0; chunk < 100; chunk++) {
    served.set(client, (served.get(client) ?? 0) + 1)
    turns.waitAgain(client)
    const [next] = turns.done(client, uploadCost(1_000, sources.get(client) ?? 0))
    if (next === undefined) return t.fail('nobody was granted the slot')
    t.true(turns.want(next))
    client = next
  }
  t.is(served.get(a), 20)
  t.is(served.get(b), 80)
})

test('a grant that is declined, or whose client leaves, goes to the next in line', (t) => {
  const turns = new UploadTurns<Client>(() => 1)
  turns.want(a)
  turns.want(b)
  turns.want(c)
  const [first] = turns.done(a, 1)
  t.is(first, b)
  t.deepEqual(turns.decline(b), [c])
  t.deepEqual(turns.leave(c), [])
  t.true(turns.want(a))
})

test('while others wait, who was served goes back to the line; alone it need not', (t) => {
  const turns = new UploadTurns<Client>(() => 1)
  turns.want(a)
  t.false(turns.waitAgain(a))
  turns.want(b)
  t.true(turns.waitAgain(a))
})

test('whatever clients do, slots are neither lost nor given twice', (t) => {
  const clients = [a, b, c, { name: 'd' }]
  const acts = fc.array(
    fc.record({ who: fc.nat(3), act: fc.constantFrom('want', 'done', 'decline', 'leave') }),
    {
      maxLength: 200,
    },
  )
  fc.assert(
    fc.property(acts, fc.integer({ min: 1, max: 3 }), (schedule, slots) => {
      const turns = new UploadTurns<Client>(() => slots)
      const accepted = new Map<Client, number>()
      const granted = new Set<Client>()
      const grant = (next: Client[]) => {
        for (const client of next) granted.add(client)
      }
      for (const { who, act } of schedule) {
        const client = clients[who] as Client
        const had = accepted.get(client) ?? 0
        if (act === 'want' && turns.want(client)) {
          granted.delete(client)
          accepted.set(client, had + 1)
        }
        if (act === 'done' && had > 0) {
          accepted.set(client, had - 1)
          grant(turns.done(client, 1))
        }
        if (act === 'decline' || act === 'leave') {
          granted.delete(client)
          grant(act === 'decline' ? turns.decline(client) : turns.leave(client))
        }
        const taken = granted.size + [...accepted.values()].reduce((sum, count) => sum + count, 0)
        if (taken > slots) return false
      }
      // When all is done, every slot is free again.
      for (const client of clients) grant(turns.leave(client))
      for (const client of clients) grant(turns.leave(client))
      for (const [client, count] of accepted) for (let n = 0; n < count; n++) turns.done(client, 1)
      return Array.from({ length: slots }, () => turns.want({ name: 'new' })).every(Boolean)
    }),
    { numRuns: 500 },
  )
  t.pass()
})
