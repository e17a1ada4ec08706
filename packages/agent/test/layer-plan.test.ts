import { join } from 'node:path'
import test from 'ava'
import {
  installedPackages,
  nodeRuntime,
  planLayers,
  systemLibraries,
  type Unit,
  unitOf,
} from '../dist/demo/layer-plan.js'
import { temporaryDirectory, writeTree } from './fixture.ts'

const unit = (name: string, bytes: number): Unit =>
  unitOf(name, [{ path: name, type: 'File', mode: 0o644, size: bytes }])

const plan = (...packages: Unit[]) =>
  planLayers(unit('libc', 5e6), unit('node', 130e6), packages).map(({ title, entries }) => [
    title,
    entries.map(({ path }) => path),
  ])

test('the largest packages join the runtime until it is large, the rest is tools and libraries', (t) => {
  t.deepEqual(
    plan(
      unit('lint', 90e6),
      unit('tsc', 30e6),
      unit('a', 1e6),
      unit('b', 1e6),
      unit('c', 1e6),
      unit('d', 1e6),
    ),
    [
      ['system libraries', ['libc']],
      ['Node.js runtime', ['node', 'lint']],
      ['tools', ['tsc']],
      ['libraries', ['a', 'b']],
      ['more libraries', ['c', 'd']],
    ],
  )
})

test('a layer without files is none', (t) => {
  t.deepEqual(plan(), [
    ['system libraries', ['libc']],
    ['Node.js runtime', ['node']],
  ])
})

test('the order of packages of one size follows their names', (t) => {
  t.deepEqual(
    plan(unit('b', 1), unit('a', 1), unit('lint', 90e6)),
    plan(unit('lint', 90e6), unit('a', 1), unit('b', 1)),
  )
})

test('the system libraries have the C library that Node runs on', async (t) => {
  const { entries } = await systemLibraries()
  t.true(entries.some(({ path, type }) => type === 'File' && /libc\.|ld-/.test(path)))
})

test('a Node that is a package brings all of it', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), {
    'package.json': '{}',
    'bin/node': 'elf',
    'share/x': '1',
  })
  const { entries, bytes } = await nodeRuntime(join(root, 'bin/node'))
  t.deepEqual(
    entries.filter(({ type }) => type === 'File').map(({ path }) => path),
    ['usr/local/bin/node', 'usr/local/package.json', 'usr/local/share/x'],
  )
  t.is(bytes, 6)
})

test('a Node of the system brings itself, and npm beside it', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), {
    'bin/node': 'elf',
    'bin/bash': 'elf',
    'lib/node_modules/npm/cli.js': '1',
  })
  const { entries } = await nodeRuntime(join(root, 'bin/node'))
  t.deepEqual(
    entries.map(({ path }) => path),
    ['usr/local/bin/node', 'usr/local/lib/node_modules/npm/cli.js'],
  )
})

test("packages of a pnpm workspace are found in its store, without Node's own", async (t) => {
  const root = await writeTree(await temporaryDirectory(t), {
    'node_modules/.pnpm/a@1/node_modules/a/index.js': '1',
    'node_modules/.pnpm/node@24/bin/node': 'elf',
    'packages/agent/node_modules/x/index.js': '1',
    'packages/agent/dist/cli.js': '1',
  })
  const packages = await installedPackages(
    join(root, 'packages/agent/dist'),
    join(root, 'node_modules/.pnpm/node@24/bin/node'),
  )
  t.deepEqual(
    packages.map(({ name, entries }) => [name, entries.at(-1)?.path]),
    [['a@1', 'opt/shoal/node_modules/.pnpm/a@1/node_modules/a/index.js']],
  )
})

test('packages that npm laid out are found beside each other', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), {
    'node_modules/a/index.js': '1',
    'node_modules/@shoal/agent/dist/cli.js': '1',
  })
  const packages = await installedPackages(join(root, 'node_modules/@shoal/agent/dist'))
  t.deepEqual(packages.map(({ name }) => name).toSorted(), ['@shoal', 'a'])
})
