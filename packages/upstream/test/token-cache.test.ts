import test from 'ava'
import { TokenCache } from '../dist/token-cache.js'

const loader = (lifetimeMs = 60_000) => {
  let loads = 0
  return async () => ({ value: `token ${++loads}`, lifetimeMs })
}

test('a token is loaded once while it is fresh', async (t) => {
  const cache = new TokenCache(() => 0)
  const load = loader()
  t.is(await cache.get('a', load), 'token 1')
  t.is(await cache.get('a', load), 'token 1')
})

test('a token is loaded anew before it expires', async (t) => {
  let now = 0
  const cache = new TokenCache(() => now)
  const load = loader(60_000)
  await cache.get('a', load)
  now = 50_000
  t.is(await cache.get('a', load), 'token 2')
})

test('a token that claims to last forever is loaded anew after an hour', async (t) => {
  let now = 0
  const cache = new TokenCache(() => now)
  const load = loader(Number.MAX_VALUE)
  await cache.get('a', load)
  now = 3_600_000
  t.is(await cache.get('a', load), 'token 2')
})

test('those who ask at once share one load', async (t) => {
  const cache = new TokenCache(() => 0)
  const load = loader()
  t.deepEqual(await Promise.all([cache.get('a', load), cache.get('a', load)]), ['token 1', 'token 1'])
})

test('keys are apart', async (t) => {
  const cache = new TokenCache(() => 0)
  const load = loader()
  t.is(await cache.get('a', load), 'token 1')
  t.is(await cache.get('b', load), 'token 2')
})

test('a rejected token is not given again', async (t) => {
  const cache = new TokenCache(() => 0)
  const load = loader()
  cache.reject('a', await cache.get('a', load))
  t.is(await cache.get('a', load), 'token 2')
})

test('rejecting an old token leaves a newer one', async (t) => {
  const cache = new TokenCache(() => 0)
  const load = loader()
  await cache.get('a', load)
  cache.reject('a', 'token 0')
  t.is(await cache.get('a', load), 'token 1')
})

test('a failed load fails all who wait, and the next asks again', async (t) => {
  const cache = new TokenCache(() => 0)
  const fail = async () => Promise.reject(new Error('down'))
  const waiting = await Promise.allSettled([cache.get('a', fail), cache.get('a', fail)])
  t.deepEqual(
    waiting.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.is(await cache.get('a', loader()), 'token 1')
})

test('one who leaves does not take the load from the others', async (t) => {
  const cache = new TokenCache(() => 0)
  const { promise, resolve } = Promise.withResolvers<{ value: string; lifetimeMs: number }>()
  const abort = new AbortController()
  const leaving = cache.get('a', () => promise, abort.signal)
  const staying = cache.get('a', () => promise)
  abort.abort(new Error('left'))
  await t.throwsAsync(leaving, { message: 'left' })
  resolve({ value: 'token', lifetimeMs: 60_000 })
  t.is(await staying, 'token')
})
