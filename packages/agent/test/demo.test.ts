import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { execa } from 'execa'
import { imageBytes, openLayout } from '../dist/demo/oci-layout.js'
import type { DemoReport } from '../dist/demo/report.js'
import { cli, shoal } from './cli.ts'
import { someBytes, temporaryDirectory, writeLayout } from './fixture.ts'

test.serial('three nodes pull an image at once, verified, and nothing is left behind', async (t) => {
  const { directory } = await writeLayout(await temporaryDirectory(t), [
    someBytes(3_000_000, 1),
    someBytes(2_000_000, 2),
  ])
  const dataDir = await temporaryDirectory(t)
  const flags = ['--nodes', '3', '--image-dir', directory, '--data-dir', dataDir, '--json']
  const { status, stdout, stderr } = await shoal(['demo', ...flags])
  t.is(status, 0, stderr)
  const report = JSON.parse(stdout.split('\n').at(-1) ?? '') as DemoReport
  t.is(report.imageBytes, imageBytes(await openLayout(directory)))
  t.true(report.verified)
  t.deepEqual(
    report.nodes.map(({ id, verified }) => [id, verified]),
    [
      [1, true],
      [2, true],
      [3, true],
    ],
  )
  t.is(report.copies, report.upstreamBytes / report.imageBytes)
  for (const { fromUpstream, fromPeers } of report.nodes) {
    t.true((fromUpstream ?? 0) + (fromPeers ?? 0) >= report.imageBytes)
  }
  t.true(report.copies < 1.5, `${report.copies} copies for 3 nodes`)
  t.deepEqual(await readdir(dataDir), [])
})

test.serial('nodes that are killed midway are lost, and the others complete', async (t) => {
  const { directory } = await writeLayout(await temporaryDirectory(t), [
    someBytes(12_000_000, 1),
    someBytes(8_000_000, 2),
  ])
  const dataDir = await temporaryDirectory(t)
  const flags = ['--nodes', '4', '--kill', '1', '--image-dir', directory, '--data-dir', dataDir, '--json']
  const { status, stdout, stderr } = await shoal(['demo', ...flags])
  t.is(status, 0, stderr)
  const report = JSON.parse(stdout.split('\n').at(-1) ?? '') as DemoReport
  const [lost, ...more] = report.nodes.filter((node) => node.lost !== null)
  t.is(report.killed, 1)
  t.deepEqual(more, [])
  t.like(lost, { lost: 'was ended by SIGKILL', verified: false, fromPeers: null })
  t.is(report.nodes.filter(({ verified }) => verified).length, 3)
  t.true(report.verified)
  t.regex(stdout, /node \d .* LOST: its process was ended by SIGKILL/)
  t.deepEqual(await readdir(dataDir), [])
})

test.serial('a demo that loses its only node by another hand has failed', async (t) => {
  const { directory } = await writeLayout(await temporaryDirectory(t), [someBytes(100_000_000)])
  const dataDir = await temporaryDirectory(t)
  const flags = ['--nodes', '1', '--image-dir', directory, '--data-dir', dataDir, '--json']
  const child = execa(process.execPath, [cli, 'demo', ...flags], { reject: false, timeout: 60_000 })
  t.teardown(() => child.kill('SIGKILL'))
  let pid = 0
  for await (const line of createInterface({ input: child.stdout })) {
    pid = Number(/process ids, .*: (\d+)$/.exec(line)?.[1] ?? pid)
    if (line.startsWith('Pulling')) break
  }
  process.kill(pid, 'SIGKILL')
  const { exitCode, stdout } = await child
  t.is(exitCode, 1)
  const report = JSON.parse(stdout.split('\n').at(-1) ?? '') as DemoReport
  t.false(report.verified)
  t.is(report.killed, 0)
  t.like(report.nodes[0], { pid, lost: 'was ended by SIGKILL' })
  t.true(stdout.includes('NO node survived.'))
})

test.serial('an image with a wrong byte verifies on no node, and the status says so', async (t) => {
  const { directory, layers } = await writeLayout(await temporaryDirectory(t), [someBytes(600_000)])
  const path = join(directory, 'blobs/sha256', layers[0]?.digest.slice('sha256:'.length) ?? '')
  const bytes = await readFile(path)
  bytes[300_000] = (bytes[300_000] ?? 0) ^ 1
  await writeFile(path, bytes)
  const flags = [
    '--nodes',
    '1',
    '--image-dir',
    directory,
    '--data-dir',
    await temporaryDirectory(t),
    '--json',
  ]
  const { status, stdout, stderr } = await shoal(['demo', ...flags])
  t.is(status, 1)
  t.is(stderr, '')
  const report = JSON.parse(stdout.split('\n').at(-1) ?? '') as DemoReport
  t.false(report.verified)
  t.true(stdout.includes('NOT every digest verified'))
})

test.serial('with --keep the swarm serves until Ctrl-C, and then everything goes', async (t) => {
  const { directory, index } = await writeLayout(await temporaryDirectory(t), [someBytes(600_000)])
  const dataDir = await temporaryDirectory(t)
  const flags = ['--nodes', '2', '--image-dir', directory, '--data-dir', dataDir, '--keep', '--json']
  const child = execa(process.execPath, [cli, 'demo', ...flags], { reject: false, timeout: 60_000 })
  t.teardown(() => child.kill('SIGKILL'))
  const reader = createInterface({ input: child.stdout })
  let curl: string | undefined
  for await (const line of reader) {
    curl ??= /curl -i '(.*)'/.exec(line)?.[1]
    if (line.includes('until Ctrl-C')) break
  }
  const response = await fetch(curl ?? '')
  t.is(response.headers.get('docker-content-digest'), index.digest)
  child.kill('SIGINT')
  const { exitCode } = await child
  t.is(exitCode, 0)
  t.deepEqual(await readdir(dataDir), [])
  await t.throwsAsync(fetch(curl ?? ''))
})

test.serial('a demo whose output nobody reads any more ends, and leaves nothing', async (t) => {
  const { directory } = await writeLayout(await temporaryDirectory(t), [someBytes(600_000)])
  const dataDir = await temporaryDirectory(t)
  const flags = ['--nodes', '2', '--image-dir', directory, '--data-dir', dataDir, '--keep']
  const args = ['-o', 'pipefail', '-c', '"$@" | head -1', 'bash', process.execPath, cli, 'demo', ...flags]
  const { exitCode, stderr } = await execa('bash', args, { reject: false, timeout: 60_000 })
  t.deepEqual(
    { exitCode, stderr },
    { exitCode: 130, stderr: 'shoal: interrupted; everything was cleaned up' },
  )
  t.deepEqual(await readdir(dataDir), [])
})
