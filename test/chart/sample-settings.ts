import { settingsSchema } from '../../packages/agent/dist/config/schema.js'
import type { Setting } from '../../packages/agent/dist/config/setting-list.js'
import type { Values } from './helm.ts'

/** A value that is not the default, for settings whose kind does not make one. */
const samples: Readonly<Record<string, unknown>> = {
  'registry.listen': '127.0.0.1:6005',
  'admin.listen': '127.0.0.1:6007',
  'swarm.listen': ['/ip4/10.1.2.3/tcp/6006'],
  'swarm.announce': ['/ip4/10.1.2.3/tcp/6006'],
  'swarm.bootstrap': ['mdns'],
  'registry.push': 'passthrough',
  'upstreams.registries': { 'registry.example.com': { url: 'http://10.0.0.5:5000' } },
}

/**
 * A value for each setting, to see that it gets through. A new setting whose value can't be guessed needs a line above,
 * or the test that uses this says so.
 */
export function sampleSettings(settings: readonly Setting[]): {
  values: Values
  expected: Map<string, unknown>
} {
  const schema = settingsSchema({ dataDir: '/var/lib/shoal' })
  const values: Record<string, unknown> = {}
  const expected = new Map<string, unknown>()
  for (const { path } of settings) {
    // The chart's own Secret; that its place can be changed shows in a rendered ConfigMap, not in a file that is read.
    if (path === 'cluster.secretFile') continue
    const keys = path.split('.')
    const candidates = [
      samples[path],
      '/mnt/sample',
      '7GiB',
      'debug',
      17,
      true,
      '17s',
      '17MiB',
      ['sample.example.com'],
    ]
    const value = candidates.find(
      (candidate) => candidate !== undefined && schema.safeParse(treeOf(keys, candidate)).success,
    )
    if (value === undefined) throw new TypeError(`give a sample for ${path}`)
    merge(values, treeOf(keys, value))
    expected.set(path, value)
  }
  return { values, expected }
}

function treeOf(keys: readonly string[], value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = keys
  return { [first]: rest.length === 0 ? value : treeOf(rest, value) }
}

function merge(into: Record<string, unknown>, tree: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(tree)) {
    const there = into[key]
    const isSection = typeof there === 'object' && there !== null && !Array.isArray(there)
    if (isSection) merge(there as Record<string, unknown>, value as Record<string, unknown>)
    else into[key] = value
  }
}
