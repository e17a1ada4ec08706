import test from 'ava'
import { routeToUpstream } from '../dist/upstream-route.js'

function repositoryOf(path: string, ...namespaces: string[]): string {
  const { registry, name } = routeToUpstream(path.split('/'), namespaces).repository
  return `${registry} ${name}`
}

for (const [path, namespaces, expected] of [
  ['library/nginx', [], 'docker.io library/nginx'],
  ['nginx', [], 'docker.io library/nginx'],
  ['nginx', ['docker.io'], 'docker.io library/nginx'],
  ['nginx', ['quay.io'], 'quay.io nginx'],
  ['org/app', ['quay.example:8443'], 'quay.example:8443 org/app'],
  ['org/app', ['registry-1.docker.io'], 'docker.io org/app'],
  ['quay.io/org/app', [], 'quay.io org/app'],
  ['docker.io/library/nginx', [], 'docker.io library/nginx'],
  ['docker.io/nginx', [], 'docker.io library/nginx'],
  ['index.docker.io/nginx', [], 'docker.io library/nginx'],
  ['localhost/app', [], 'localhost app'],
  ['localhost_5000/app', [], 'localhost:5000 app'],
  ['registry_5000/org/app', [], 'registry:5000 org/app'],
  ['127.0.0.1_5500/org/app', [], '127.0.0.1:5500 org/app'],
  ['localhost:5000/app', [], 'localhost:5000 app'],
  ['my.app', [], 'docker.io library/my.app'],
  ['docker.io/library/nginx', ['docker.io'], 'docker.io library/nginx'],
  ['localhost_5000/app', ['localhost:5000'], 'localhost:5000 app'],
  ['docker.io/library/nginx', ['quay.io'], 'quay.io docker.io/library/nginx'],
  ['my.org_x/app', ['quay.io'], 'quay.io my.org_x/app'],
] as const) {
  test(`${path} with ns=${namespaces} is ${expected}`, (t) => {
    t.is(repositoryOf(path, ...namespaces), expected)
  })
}

for (const [path, namespaces] of [
  ['library/Nginx', []],
  ['library/..', []],
  ['../library/nginx', []],
  ['library//nginx', []],
  ['', []],
  [`library/${'a'.repeat(256)}`, []],
  ['nginx', ['']],
  ['nginx', ['http://169.254.169.254/']],
  ['nginx', ['user@host']],
  ['nginx', ['host:99999']],
  ['nginx', ['quay.io', 'docker.io']],
] as const) {
  test(`${JSON.stringify(path.slice(0, 40))} with ns=${JSON.stringify(namespaces)} is refused`, (t) => {
    t.throws(() => repositoryOf(path, ...namespaces), { code: 'NAME_INVALID' })
  })
}

test('remembers the namespace and the name as they were asked for', (t) => {
  const { namespace, requestedName } = routeToUpstream(['docker.io', 'nginx'], ['docker.io'])
  t.deepEqual({ namespace, requestedName }, { namespace: 'docker.io', requestedName: 'docker.io/nginx' })
})
