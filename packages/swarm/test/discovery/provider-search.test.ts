import test from 'ava'
import { ProviderSearch } from '../../dist/discovery/provider-search.js'

/** A search whose course the test decides. */
function startSearch() {
  let found: (peer: string) => void = () => undefined
  const end = Promise.withResolvers<boolean>()
  const ended = Promise.withResolvers<{ peers: readonly string[]; isComplete: boolean }>()
  const search = new ProviderSearch({
    run: (onFound, signal) => {
      found = onFound
      signal.addEventListener('abort', () => end.reject(signal.reason))
      return end.promise
    },
    onEnd: (peers, isComplete) => ended.resolve({ peers, isComplete }),
  })
  return { search, found: (peer: string) => found(peer), end: () => end.resolve(true), ended: ended.promise }
}

const { signal } = new AbortController()

test('all who read a search hear of everybody, whenever they began', async (t) => {
  const { search, found, end, ended } = startSearch()
  const early = Array.fromAsync(search.read(signal))
  found('a')
  found('a')
  const late = Array.fromAsync(search.read(signal))
  await Promise.resolve()
  found('b')
  end()
  t.deepEqual(await early, ['a', 'b'])
  t.deepEqual(await late, ['a', 'b'])
  t.deepEqual(await ended, { peers: ['a', 'b'], isComplete: true })
})

test('a search goes on while somebody reads it, and ends when nobody does', async (t) => {
  const { search, found, ended } = startSearch()
  const [one, other] = [search.read(signal), search.read(signal)]
  found('a')
  t.is((await one.next()).value, 'a')
  t.is((await other.next()).value, 'a')
  await one.return(undefined)
  t.false(search.isAbandoned)
  found('b')
  t.is((await other.next()).value, 'b')
  await other.return(undefined)
  t.true(search.isAbandoned)
  t.deepEqual(await ended, { peers: ['a', 'b'], isComplete: false })
})

test('who gives up waiting gets the reason', async (t) => {
  const { search } = startSearch()
  const reason = new Error('too late')
  const waiting = search.read(AbortSignal.abort(reason)).next()
  await t.throwsAsync(waiting, { is: reason })
})
