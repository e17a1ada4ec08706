import test from 'ava'
import { vetRealm } from '../dist/realm.js'

const at = (url: string) => ({
  registry: 'registry.example',
  base: new URL(url),
  named: true,
  isMirror: false,
  isShared: false,
  mirrors: [],
})
const hub = at('https://registry-1.docker.io/v2')
const verdict = (realm: string, upstream: Parameters<typeof vetRealm>[1], hasCredentials = false) => {
  const vetted = vetRealm(realm, upstream, hasCredentials)
  return 'refusal' in vetted ? 'refused' : vetted.own ? 'own' : 'foreign'
}

test('a neighbour in the registry’s domain is its own', (t) => {
  t.is(verdict('https://auth.docker.io/token', hub, true), 'own')
})

for (const [registry, service] of [
  ['registry.corp.co.uk', 'auth.evil.co.uk'],
  ['corp.azurecr.io', 'evil.azurecr.io'],
  ['123.dkr.ecr.eu-west-1.amazonaws.com', 'evil.s3.amazonaws.com'],
  ['co.uk', 'evil.co.uk'],
] as const) {
  test(`${service} is no part of ${registry}`, (t) => {
    t.is(verdict(`https://${service}/token`, at(`https://${registry}/v2`), true), 'refused')
    t.is(verdict(`https://${registry}/token`, at(`https://${registry}/v2`), true), 'own')
  })
}

test('a neighbour below a country’s domain is the registry’s own', (t) => {
  t.is(verdict('https://gitlab.corp.co.uk/jwt/auth', at('https://registry.corp.co.uk/v2'), true), 'own')
  t.is(verdict('https://gitlab.com/jwt/auth', at('https://registry.gitlab.com/v2'), true), 'own')
})

test('the registry’s host is its own, at any port', (t) => {
  t.is(verdict('https://registry-1.docker.io:8443/token', hub, true), 'own')
})

test('a foreign service is asked anonymously', (t) => {
  t.is(verdict('https://ghcr.io/token', hub), 'foreign')
})

test('a foreign service gets no credentials', (t) => {
  t.is(verdict('https://docker.io.evil.example/token', hub, true), 'refused')
})

test('a foreign service that the settings name is the registry’s own', (t) => {
  const upstream = { ...hub, tokenService: 'https://login.corp' }
  t.is(verdict('https://login.corp/token', upstream, true), 'own')
  t.is(verdict('https://login.corp:444/token', upstream, true), 'refused')
})

test('addresses are no neighbours', (t) => {
  t.is(verdict('https://10.1.0.5/token', at('https://10.0.0.5/v2'), true), 'refused')
  t.is(verdict('https://corp/token', at('https://registry/v2'), true), 'refused')
})

test('a registry with TLS has its tokens over TLS', (t) => {
  t.is(verdict('http://registry-1.docker.io/token', hub), 'refused')
})

test('a registry without TLS may have its tokens without, on its own host', (t) => {
  const plain = at('http://10.0.0.5:5000/v2')
  t.is(verdict('http://10.0.0.5:5001/token', plain, true), 'own')
  t.is(verdict('http://10.0.0.6:5001/token', plain, true), 'refused')
})

for (const realm of [
  '',
  'token',
  'file:///etc/passwd',
  'https://u:p@registry-1.docker.io/',
  `https://a/${'x'.repeat(2048)}`,
]) {
  test(`${JSON.stringify(realm.slice(0, 40))} is no realm`, (t) => {
    t.is(verdict(realm, hub), 'refused')
  })
}
