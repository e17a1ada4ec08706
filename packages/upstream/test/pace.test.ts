import test from 'ava'
import { blobAt, fails, originAt, respond, serve } from './fixture.ts'

test('what one request is told by Retry-After holds for everyone, and ends', async (t) => {
  let limited = true
  const server = await serve(t, (_, response) => {
    if (limited) respond(response, 429, { 'retry-after': '30' })
    else respond(response, 200, {}, 'blob')
  })
  let now = 1_000_000
  const origin = originAt(t, server, { init: { now: () => now } })
  const first = await fails(t, origin.describe(blobAt(server)), 'rate-limited')
  t.is(first.retryAfterMs, 30_000)
  t.is(server.requests.length, 1)
  limited = false
  now += 10_000
  for (const content of ['one', 'two']) {
    const error = await fails(t, origin.describe(blobAt(server, Buffer.from(content))), 'rate-limited')
    t.is(error.retryAfterMs, 20_000)
  }
  t.is(server.requests.length, 1)
  now += 20_001
  await origin.describe(blobAt(server))
  t.is(server.requests.length, 2)
})

test('a registry that says to come back next week is asked again after a minute', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 429, { 'retry-after': '604800' }))
  let now = 1_000_000
  const origin = originAt(t, server, { init: { now: () => now } })
  await fails(t, origin.describe(blobAt(server)), 'rate-limited')
  now += 61_000
  await fails(t, origin.describe(blobAt(server)), 'rate-limited')
  t.is(server.requests.length, 2)
})

test('one registry’s limit is no other’s', async (t) => {
  const limited = await serve(t, (_, response) => respond(response, 429, { 'retry-after': '30' }))
  const free = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const origin = originAt(t, limited, { init: { upstreams: [{ registry: free.host, url: free.url }] } })
  await fails(t, origin.describe(blobAt(limited)), 'rate-limited')
  await origin.describe(blobAt(free))
  t.is(free.requests.length, 1)
})

test('requests beyond the configured rate wait, and those far beyond it are told', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const origin = originAt(t, server, { requestsPerSecond: 4, init: { now: () => 1_000_000 } })
  const results = await Promise.allSettled(Array.from({ length: 40 }, () => origin.describe(blobAt(server))))
  const refused = results.filter(({ status }) => status === 'rejected')
  // A second's worth at once and two seconds' worth in the queue, both ends counted.
  t.is(server.requests.length, 13)
  t.is(refused.length, 27)
})

test('a registry gets no more connections than the settings allow', async (t) => {
  let open = 0
  let most = 0
  const server = await serve(t, (_, response) => {
    most = Math.max(most, ++open)
    setTimeout(() => {
      open--
      respond(response, 200, {}, 'blob')
    }, 20)
  })
  const origin = originAt(t, server, { maxConnections: 3 })
  await Promise.all(Array.from({ length: 12 }, () => origin.describe(blobAt(server))))
  t.is(most, 3)
})
