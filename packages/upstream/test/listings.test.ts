import test from 'ava'
import { fails, originAt, repositoryAt, respond, serve, sha256 } from './fixture.ts'

test('a list of tags passes through, with the query', async (t) => {
  const body = '{"name":"library/demo","tags":["a","b"]}'
  const server = await serve(t, (_, response) =>
    respond(
      response,
      200,
      { 'content-type': 'application/json', link: '</v2/x/tags/list?last=b&n=2>; rel="next"' },
      body,
    ),
  )
  const listing = await originAt(t, server).listTags(repositoryAt(server), 'n=2')
  t.deepEqual(server.lines, ['GET /v2/library/demo/tags/list?n=2'])
  t.is(Buffer.from(listing.body).toString(), body)
  t.is(listing.mediaType, 'application/json')
  t.is(listing.next, 'last=b&n=2')
})

test('the last page has no next', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, '{}'))
  t.false('next' in (await originAt(t, server).listTags(repositoryAt(server), '')))
  t.deepEqual(server.lines, ['GET /v2/library/demo/tags/list'])
})

test('referrers pass through, with the filters that were applied', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 200, { 'oci-filters-applied': 'artifactType', 'x-other': 'y' }, '{}'),
  )
  const digest = sha256(Buffer.from('{}'))
  const listing = await originAt(t, server).listReferrers(repositoryAt(server), digest, '?artifactType=a/b')
  t.deepEqual(server.lines, [`GET /v2/library/demo/referrers/${digest}?artifactType=a/b`])
  t.deepEqual(listing.headers, { 'oci-filters-applied': 'artifactType' })
})

test('a query can’t leave its place', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, '{}'))
  await originAt(t, server).listTags(repositoryAt(server), 'last=a b#c\r\nx: y')
  t.regex(server.lines[0] ?? '', /^GET \/v2\/library\/demo\/tags\/list\?last=a%20b%23c/)
})

test('a listing without end is malformed', async (t) => {
  const server = await serve(t, (_, response) => {
    const send = () => {
      while (response.write(' '.repeat(65_536)));
    }
    response.on('drain', send)
    send()
  })
  await fails(
    t,
    originAt(t, server).listTags(repositoryAt(server), ''),
    'malformed',
    /more than the 4194304 bytes/,
  )
})

test('a listing that is cut is unavailable', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('{', () => response.destroy())
  })
  await fails(t, originAt(t, server).listTags(repositoryAt(server), ''), 'unavailable')
})

test('a listing that trickles is given up', async (t) => {
  const server = await serve(t, (_, response) => {
    const timer = setInterval(() => response.write(' '), 10)
    response.on('close', () => clearInterval(timer))
  })
  const origin = originAt(t, server, { init: { documentTimeoutMs: 100 } })
  await fails(t, origin.listTags(repositoryAt(server), ''), 'unavailable', /more than 100 ms/)
})

test('the signal’s reason is what a caller gets in the middle of a listing', async (t) => {
  const abort = new AbortController()
  const reason = new Error('left')
  const server = await serve(t, (_, response) => response.write('{', () => abort.abort(reason)))
  const call = originAt(t, server).listTags(repositoryAt(server), '', { signal: abort.signal })
  t.is(await t.throwsAsync(call), reason)
})

test('an origin without referrers has none', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 404))
  const call = originAt(t, server).listReferrers(repositoryAt(server), sha256(Buffer.from('')), '')
  await fails(t, call, 'not-found')
})
