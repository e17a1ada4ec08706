import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLayout } from '../dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../dist/demo/upstream-registry.js'
import { lineOf, type SpawnedAgent, spawnAgent } from './cli.ts'
import { someBytes, temporaryDirectory, writeLayout } from './fixture.ts'

/** A small file system of the agent's own. Works for root and wherever users may have namespaces. */
const inSmallFileSystem = (then: string) => [
  'unshare',
  '-rm',
  'sh',
  '-c',
  `mount -t tmpfs -o size=64m shoal-test "$0" && ${then} && exec "$@"`,
]
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none "$0"', tmpdir()]).status === 0

interface Lab {
  readonly agent: SpawnedAgent
  /** Pulls the layers through the shim, and checks their bytes. */
  pull(): Promise<void>
}

async function start(t: ExecutionContext, prepare: string, ...flags: string[]): Promise<Lab> {
  const layers = [someBytes(700_000), someBytes(3_000_000)]
  const image = await writeLayout(await temporaryDirectory(t), layers)
  const layout = await openLayout(image.directory)
  const registry = await UpstreamRegistry.start({ layout, name: 'shoal/demo', tag: 'latest' })
  t.teardown(() => registry.stop())
  const disk = await temporaryDirectory(t)
  const within = [...inSmallFileSystem(prepare), disk]
  const upstream = ['--upstream', `registry.test=${registry.url}`]
  const agent = spawnAgent(t, ['--data-dir', join(disk, 'data'), ...upstream, ...flags], {}, within)
  const ready = await lineOf(agent, 'agent ready')
  return {
    agent,
    async pull() {
      for (const { digest } of image.layers) {
        const response = await fetch(
          `http://${String(ready.registry)}/v2/registry.test/shoal/demo/blobs/${digest}`,
        )
        t.is(response.status, 200)
        const bytes = Buffer.from(await response.arrayBuffer())
        t.is(`sha256:${hash('sha256', bytes)}`, digest)
      }
    },
  }
}

const warnings = ({ agent }: Lab) =>
  agent.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ msg }) => msg)
const passedThrough = 'blobs are passed through without being stored'

if (canMount) {
  test.serial(
    'on a read-only file system an agent starts, passes pulls through and warns once',
    async (t) => {
      const lab = await start(t, 'mkdir "$0/data" && mount -o remount,ro "$0"')
      await lab.pull()
      await lab.pull()
      t.deepEqual(warnings(lab), [passedThrough])
    },
  )

  test.serial('on a full disk an agent starts, passes pulls through and warns once', async (t) => {
    const lab = await start(t, '(cat /dev/zero > "$0/ballast" || true)')
    await lab.pull()
    await lab.pull()
    t.deepEqual(warnings(lab), [passedThrough])
  })

  test.serial(
    'without the free space that it should keep, an agent passes pulls through and warns once',
    async (t) => {
      const lab = await start(t, 'true', '--cache-min-free', '100%')
      await lab.pull()
      await lab.pull()
      t.deepEqual(warnings(lab), [passedThrough])
    },
  )

  test.serial('a blob that is larger than the quota is passed through, and warned of once', async (t) => {
    const lab = await start(t, 'true', '--cache-min-free', '1MiB', '--cache-quota', '1MiB')
    await lab.pull()
    await lab.pull()
    t.deepEqual(warnings(lab), [passedThrough])
    const [warning] = lab.agent.lines.filter(({ msg }) => msg === passedThrough)
    t.regex(JSON.stringify(warning), /3000000 bytes\) is larger than the cache's quota/)
  })
}
