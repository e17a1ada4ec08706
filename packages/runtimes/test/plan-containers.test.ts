import test from 'ava'
import fc from 'fast-check'
import type { ContainersState } from '../dist/host-state.js'
import { cutBlocks } from '../dist/marked-block.js'
import { planContainers, publicRegistries } from '../dist/plan-containers.js'
import { readRegistriesConf } from '../dist/registries-conf.js'

const shim = 'http://127.0.0.1:5005'
const main = '/etc/containers/registries.conf'
const dropIn = '/etc/containers/registries.conf.d/000-shoal.conf'

function containers(
  texts: Record<string, string> = {},
  given: Partial<ContainersState> = {},
): ContainersState {
  return {
    user: undefined,
    programs: ['podman'],
    files: Object.entries(texts).map(([path, text]) => ({ path, text, writable: true })),
    dropIn: { directory: '/etc/containers/registries.conf.d', writable: true },
    reload: [],
    criSocket: undefined,
    ...given,
  }
}

const written = (state: ContainersState, registries?: string[]) =>
  new Map(
    planContainers(state, { shim, registries }).changes.map((change) => [
      change.path,
      change.kind === 'write-file' ? change.text : '',
    ]),
  )

test('each public registry gets a table of ours, whose path names the registry', (t) => {
  const tables = readRegistriesConf(written(containers()).get(dropIn) ?? '', dropIn)
  t.deepEqual(
    tables.map(({ prefix }) => prefix),
    publicRegistries,
  )
  t.deepEqual(tables[0]?.mirrors, ['127.0.0.1:5005/docker.io'])
})

test("a table of the admin's hides ours: the shim goes in front of its mirrors, in the admin's file", (t) => {
  const text = `# the house
unqualified-search-registries = ["docker.io"]

[[registry]]
location = "docker.io"
mirror-by-digest-only = false

[[registry.mirror]]
location = "mirror.example"

[[registry]]
location = "other.example"
`
  const texts = written(containers({ [main]: text }))
  const tables = readRegistriesConf(texts.get(main) ?? '', main)
  t.deepEqual(
    tables.map(({ mirrors }) => mirrors),
    [['127.0.0.1:5005/docker.io', 'mirror.example'], []],
  )
  t.is(cutBlocks(texts.get(main) ?? ''), text)
  t.false(readRegistriesConf(texts.get(dropIn) ?? '', dropIn).some(({ prefix }) => prefix === 'docker.io'))
})

test('of tables for one registry the last counts, and only it is edited', (t) => {
  const later = '/etc/containers/registries.conf.d/50-house.conf'
  const table = '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n'
  const texts = written(containers({ [main]: table, [later]: table }), ['docker.io'])
  t.deepEqual([...texts.keys()], [later])
})

test('a table that sends pulls elsewhere keeps doing so: the shim is asked for that place', (t) => {
  const table = '[[registry]]\nprefix = "docker.io/library"\nlocation = "corp.example:5000/hub"\n'
  const texts = written(containers({ [main]: table }), ['docker.io'])
  t.deepEqual(readRegistriesConf(texts.get(main) ?? '', main)[0]?.mirrors, [
    '127.0.0.1:5005/corp.example_5000/hub',
  ])
})

test('what the admin blocked stays blocked', (t) => {
  const table = '[[registry]]\nlocation = "docker.io"\nblocked = true\n'
  const plan = planContainers(containers({ [main]: table }), { shim, registries: ['docker.io'] })
  t.deepEqual([plan.changes.length, plan.findings[0]?.code, plan.proves.length], [0, 'blocked-registry', 0])
})

test('a user with a registries.conf gets files of their own, and owns them', (t) => {
  const user = { name: 'alice', uid: 1000, gid: 1000, home: '/home/alice' }
  const directory = '/home/alice/.config/containers/registries.conf.d'
  const state = containers({}, { user, dropIn: { directory, writable: true } })
  const { changes, runtime } = planContainers(state, { shim })
  t.is(runtime, 'podman of alice')
  t.like(changes[0], { path: `${directory}/000-shoal.conf`, owner: { uid: 1000, gid: 1000 } })
})

test('CRI-O is told to read its files again, and only when they change', (t) => {
  const given = {
    programs: ['cri-o'],
    reload: [{ pid: 9, program: 'crio' }],
    criSocket: '/run/crio/crio.sock',
  }
  const first = planContainers(containers({}, given), { shim })
  t.deepEqual(first.activations, [{ kind: 'reload', pid: 9, program: 'crio' }])
  const texts = Object.fromEntries(written(containers({}, given)))
  t.deepEqual(planContainers(containers(texts, given), { shim }).activations, [])
})

test('a file that is not valid is not touched: with it these programs pull nothing', (t) => {
  const { changes, findings } = planContainers(containers({ [main]: '[[registry' }), { shim })
  t.deepEqual([changes.length, findings[0]?.level, findings[0]?.code], [0, 'blocked', 'unreadable-file'])
})

test('whatever tables there are, theirs stay as they are and a second install plans nothing', (t) => {
  const table = fc
    .record({
      prefix: fc.constantFrom('docker.io', 'docker.io/library', 'quay.io', 'other.example'),
      mirrors: fc.array(fc.constantFrom('a.example', 'b.example/x'), { maxLength: 2 }),
      comment: fc.constantFrom('', '# about it\n', '\n'),
    })
    .map(
      ({ prefix, mirrors, comment }) =>
        `${comment}[[registry]]\nprefix = "${prefix}"\nlocation = "${prefix}"\n${mirrors
          .map((mirror) => `[[registry.mirror]]\nlocation = "${mirror}"\n`)
          .join('')}`,
    )
  const file = fc.array(table, { maxLength: 4 }).map((tables) => tables.join(''))
  fc.assert(
    fc.property(file, file, (one, two) => {
      const texts = { [main]: one, '/etc/containers/registries.conf.d/50-x.conf': two }
      const changed = written(containers(texts))
      for (const [path, text] of Object.entries(texts)) t.is(cutBlocks(changed.get(path) ?? text), text)
      const second = written(containers({ ...texts, ...Object.fromEntries(changed) }))
      t.deepEqual([...second.keys()], [])
    }),
    { numRuns: 200 },
  )
})
