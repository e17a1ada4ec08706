import test from 'ava'
import fc from 'fast-check'
import { Key } from 'interface-datastore'
import { MemoryDatastore } from '../../dist/host/memory-datastore.js'

const name = fc.array(fc.constantFrom('a', 'b', 'ab', 'dht', '\u00ff'), { minLength: 1, maxLength: 3 })
const step = fc.record({ path: name, isDelete: fc.boolean(), value: fc.uint8Array({ maxLength: 4 }) })

test('queries give what a scan of everything would, in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step), name, async (steps, prefixPath) => {
      const store = new MemoryDatastore()
      const model = new Map<string, Uint8Array>()
      for (const { path, isDelete, value } of steps) {
        const key = new Key(`/${path.join('/')}`)
        if (isDelete) {
          store.delete(key)
          model.delete(key.toString())
        } else {
          store.put(key, value)
          model.set(key.toString(), value)
        }
      }
      const prefix = `/${prefixPath.join('/')}`
      const expected = [...model.keys()].filter((key) => key.startsWith(prefix)).sort()
      t.deepEqual([...store.queryKeys({ prefix })].map(String), expected)
      t.deepEqual(
        [...store.query({ prefix })].map(({ key, value }) => [key.toString(), value]),
        expected.map((key) => [key, model.get(key)]),
      )
    }),
  )
})

test('filters, orders, offset and limit apply in that order', (t) => {
  const store = new MemoryDatastore()
  for (let index = 0; index < 10; index++) store.put(new Key(`/n/${index}`), Uint8Array.of(index))
  const values = store.query({
    prefix: '/n',
    filters: [({ value }) => (value[0] ?? 0) % 2 === 0],
    orders: [(a, b) => ((a.value[0] ?? 0) < (b.value[0] ?? 0) ? 1 : -1)],
    offset: 1,
    limit: 2,
  })
  t.deepEqual(
    [...values].map(({ value }) => value[0]),
    [6, 4],
  )
})

test('what is not there is an error that libp2p knows', (t) => {
  t.throws(() => new MemoryDatastore().get(new Key('/x')), { name: 'NotFoundError' })
})

test('a batch changes nothing before its commit', async (t) => {
  const store = new MemoryDatastore()
  store.put(new Key('/old'), Uint8Array.of(1))
  const batch = store.batch()
  batch.put(new Key('/new'), Uint8Array.of(2))
  batch.delete(new Key('/old'))
  t.true(store.has(new Key('/old')))
  t.false(store.has(new Key('/new')))
  await batch.commit()
  t.deepEqual([...store.queryKeys({})].map(String), ['/new'])
})

test.serial('a query by prefix looks at no more than it returns, among many records', (t) => {
  const store = new MemoryDatastore()
  for (let index = 0; index < 20_000; index++)
    store.put(new Key(`/dht/provider/${index}/peer`), new Uint8Array(1))
  let looks = 0
  const startsWith = String.prototype.startsWith
  t.teardown(() => {
    String.prototype.startsWith = startsWith
  })
  String.prototype.startsWith = function (this: string, ...args: Parameters<typeof startsWith>) {
    looks++
    return startsWith.apply(this, args)
  }
  const found = [...store.query({ prefix: '/dht/provider/12345/' })]
  String.prototype.startsWith = startsWith
  t.is(found.length, 1)
  t.true(looks < 100, `${looks} keys were compared`)
})
