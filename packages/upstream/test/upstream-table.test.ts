import { InvalidInputError, OriginError } from '@shoal/content'
import test from 'ava'
import type { UpstreamSettings } from '../dist/index.js'
import { UpstreamTable } from '../dist/upstream-table.js'

const table = (...settings: UpstreamSettings[]) => new UpstreamTable(settings, false)
const baseOf = (url: string) => table({ registry: 'a.example', url }).find('a.example').base.href

test('docker.io is at registry-1.docker.io', (t) => {
  t.is(table().find('docker.io').base.href, 'https://registry-1.docker.io/v2')
})

test('a registry without settings is at its own name, over https', (t) => {
  const { base, named } = table().find('ghcr.io')
  t.is(base.href, 'https://ghcr.io/v2')
  t.false(named)
})

test('a registry with settings is where they say', (t) => {
  const { base, named } = table({ registry: 'docker.io', url: 'http://10.0.0.5:5000' }).find('docker.io')
  t.is(base.href, 'http://10.0.0.5:5000/v2')
  t.true(named)
})

test('a path is a prefix, which may hold v2 itself', (t) => {
  t.is(baseOf('https://a.example/mirror/'), 'https://a.example/mirror/v2')
  t.is(baseOf('https://harbor.example/v2/dockerhub'), 'https://harbor.example/v2/dockerhub')
  t.is(baseOf('https://a.example/v2/'), 'https://a.example/v2')
})

test('with only, registries without settings are refused', (t) => {
  const closed = new UpstreamTable([{ registry: 'ghcr.io', url: 'https://ghcr.io' }], true)
  t.is(closed.find('ghcr.io').base.host, 'ghcr.io')
  const error = t.throws(() => closed.find('docker.io'), {
    instanceOf: OriginError,
    message: /--upstream docker.io=/,
  })
  t.is(error?.fault, 'refused')
})

test('an upstream is found by its origin', (t) => {
  const one = table({ registry: 'a.example', url: 'http://10.0.0.5:5000/prefix' })
  t.is(one.ownerOf('http://10.0.0.5:5000')?.registry, 'a.example')
  t.is(one.ownerOf('https://10.0.0.5:5000'), undefined)
  t.is(one.ownerOf('http://10.0.0.5:5001'), undefined)
})

for (const [why, settings] of Object.entries({
  'no URL': { registry: 'a.example', url: 'a.example:5000' },
  'another scheme': { registry: 'a.example', url: 'ftp://a.example' },
  'a query': { registry: 'a.example', url: 'https://a.example/?x' },
  'credentials in the URL': { registry: 'a.example', url: 'https://user:secret@a.example' },
  'credentials in no URL': { registry: 'a.example', url: 'user:secret@a.example' },
  'a user without a password': { registry: 'a.example', url: 'https://a.example', username: 'secret' },
  'a token service that is no URL': { registry: 'a.example', url: 'https://a.example', tokenService: 'auth' },
})) {
  test(`${why} is refused, and no secret shown`, (t) => {
    const error = t.throws(() => table(settings), { instanceOf: InvalidInputError, code: 'UPSTREAM_INVALID' })
    t.notRegex(error?.message ?? '', /secret/)
  })
}

test('a registry is named once', (t) => {
  const twice = [
    { registry: 'docker.io', url: 'https://a.example' },
    { registry: 'index.docker.io', url: 'https://b.example' },
  ]
  t.throws(() => table(...twice), { instanceOf: InvalidInputError, code: 'UPSTREAM_INVALID' })
})

test('a name that is no host is refused', (t) => {
  for (const registry of ['a/b', 'a@b', '', '1.2.3.256']) {
    t.throws(() => table().find(registry), { instanceOf: InvalidInputError, code: 'REGISTRY_INVALID' })
  }
})
