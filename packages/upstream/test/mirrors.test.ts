import type { OriginError } from '@shoal/content'
import test from 'ava'
import { blobAt, fails, originOf, readAll, respond, serve } from './fixture.ts'

test('mirrors are asked in their order, and the registry last', async (t) => {
  const asked: string[] = []
  const saying = (name: string, status: number) =>
    serve(t, (_, response) => {
      asked.push(name)
      respond(response, status, {}, status === 200 ? 'blob' : '')
    })
  const [first, second, registry] = [
    await saying('first', 404),
    await saying('second', 404),
    await saying('registry', 200),
  ]
  const origin = originOf(t, {
    upstreams: [
      { registry: 'a.example', url: registry.url, mirrors: [{ url: first.url }, { url: second.url }] },
    ],
  })
  const { body } = await origin.fetch(blobAt({ host: 'a.example' }))
  t.is((await readAll(body)).toString(), 'blob')
  t.deepEqual(asked, ['first', 'second', 'registry'])
})

test('a mirror in trouble is asked once, then rests', async (t) => {
  const mirror = await serve(t, (_, response) => respond(response, 503))
  const registry = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const troubles: Error[] = []
  let now = 1_000_000
  const origin = originOf(t, {
    upstreams: [{ registry: 'a.example', url: registry.url, mirrors: [{ url: mirror.url }] }],
    onTrouble: (error) => troubles.push(error),
    now: () => now,
  })
  await origin.describe(blobAt({ host: 'a.example' }))
  await origin.describe(blobAt({ host: 'a.example' }))
  t.is(mirror.requests.length, 1)
  t.is(registry.requests.length, 2)
  t.is((troubles[0] as OriginError).fault, 'unavailable')
  now += 31_000
  await origin.describe(blobAt({ host: 'a.example' }))
  t.is(mirror.requests.length, 2)
})

test('a mirror serves while the registry is gone', async (t) => {
  const mirror = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const origin = originOf(t, {
    upstreams: [{ registry: 'a.example', url: 'http://127.0.0.1:9', mirrors: [{ url: mirror.url }] }],
  })
  t.is((await origin.describe(blobAt({ host: 'a.example' }))).size, 4)
})

test('the registry’s credentials do not go to its mirror, nor the other way', async (t) => {
  const challenge = { 'www-authenticate': 'Basic realm="x"' }
  const basic = (user: string) => `Basic ${Buffer.from(`${user}:p`).toString('base64')}`
  const mirror = await serve(t, (_, response) => respond(response, 401, challenge))
  const registry = await serve(t, (request, response) => {
    if (request.headers.authorization === basic('registry')) respond(response, 200, {}, 'blob')
    else respond(response, 401, challenge)
  })
  const origin = originOf(t, {
    upstreams: [
      {
        ...{ registry: 'a.example', url: registry.url, username: 'registry', password: 'p' },
        mirrors: [{ url: mirror.url, username: 'mirror', password: 'p' }],
      },
    ],
  })
  await origin.describe(blobAt({ host: 'a.example' }))
  const sent = (server: typeof mirror) => server.requests.map(({ headers }) => headers.authorization)
  t.deepEqual(sent(mirror), [undefined, basic('mirror')])
  t.deepEqual(sent(registry), [undefined, basic('registry')])
})

test('what neither has is not found', async (t) => {
  const nothing = () => serve(t, (_, response) => respond(response, 404))
  const [mirror, registry] = [await nothing(), await nothing()]
  const upstreams = [{ registry: 'a.example', url: registry.url, mirrors: [{ url: mirror.url }] }]
  await fails(t, originOf(t, { upstreams }).describe(blobAt({ host: 'a.example' })), 'not-found')
})
