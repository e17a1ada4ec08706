import test from 'ava'
import { settingsSchema } from '../dist/config/schema.js'
import { keysAt, listSettings } from '../dist/config/setting-list.js'

const defaults = { dataDir: '/state' }

test('a flag and a variable follow from the place in the schema', (t) => {
  const setting = listSettings(defaults).find(({ path }) => path === 'registry.listen')
  t.deepEqual(
    [setting?.flag, setting?.variable, setting?.defaultText],
    ['--registry-listen', 'SHOAL_REGISTRY_LISTEN', '127.0.0.1:5005'],
  )
})

test('the flags that examples rely on are there', (t) => {
  const flags = listSettings(defaults).map(({ flag }) => flag)
  t.deepEqual(flags.toSorted(), [
    '--admin-listen',
    '--announce',
    '--bootstrap',
    '--cache-min-free',
    '--cache-quota',
    '--cluster-secret-file',
    '--containerd-content',
    '--credentials-file',
    '--credentials-provider-bin-dir',
    '--credentials-provider-config',
    '--data-dir',
    '--log-level',
    '--registry-drain',
    '--registry-exposed',
    '--registry-listen',
    '--registry-push',
    '--swarm-listen',
    '--upstream',
    '--upstreams-only',
    '--zone',
  ])
})

const upstreamKeys = [
  ...[
    'url',
    'username',
    'passwordFile',
    'caFile',
    'certFile',
    'keyFile',
    'maxConnections',
    'requestsPerSecond',
  ],
  ...['tokenService', 'shared', 'mirrors'],
]

test('the keys of a section are known, also of a named upstream', (t) => {
  const schema = settingsSchema(defaults)
  t.deepEqual(keysAt(schema, ['swarm']), ['listen', 'announce', 'zone', 'bootstrap'])
  t.deepEqual(keysAt(schema, ['upstreams', 'registries', 'r.corp']), upstreamKeys)
  t.deepEqual(keysAt(schema, ['upstreams', 'registries', 'r.corp', 'mirrors', '0']), upstreamKeys.slice(0, 8))
  t.deepEqual(keysAt(schema, ['nowhere']), [])
})
