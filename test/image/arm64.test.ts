import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { bundle } from '../../packaging/bundle.ts'
import { pullThrough, startLab } from '../e2e/lab.ts'
import { SwarmNode } from '../harness/agents.ts'
import { run } from '../harness/run.ts'
import { installBuilders } from './install.ts'

const emulator = 'qemu-aarch64-static'
const imageRoot = join(import.meta.dirname, '../../packaging/image-root.sh')
const shoal = 'opt/shoal/bin/shoal'
const layerSizes = [3 << 20, 100_000] as const
/** Of manifests, which every node asks its registry for. */
const manifestBytes = 10_000

const reason = await whyNot()
const emulated = reason === undefined ? test.serial : test.serial.skip
const title = (text: string) => (reason === undefined ? text : `${text} [${reason}]`)

let root: string
/** Runs a script by the Node.js of the bundle, with the C libraries that the image has. */
let runtime: [string, ...string[]]

if (reason === undefined) {
  test.before(async (t) => {
    t.timeout(600_000)
    root = await mkdtemp(join(tmpdir(), 'shoal-arm64-'))
    await bundle({ architecture: 'arm64', out: join(root, 'opt/shoal'), epoch: 0 })
    await run('sh', [imageRoot, 'arm64', root], { timeoutMs: 300_000 })
    runtime = [emulator, '-L', root, join(root, 'opt/shoal/bin/node')]
  })
  test.after.always(() => rm(root, { recursive: true, force: true }))
}

emulated(title('what an arm64 machine is given runs there'), async (t) => {
  const [file, ...args] = runtime
  t.regex(
    await run(file, [...args, join(root, shoal), 'version']),
    /^shoal \d+\.\d+\.\d+, node 24\.\S+ \(linux-arm64\)/,
  )
})

emulated(title('agents on arm64 and amd64 get an image from each other'), async (t) => {
  await using lab = await startLab({ nodes: 1, layerSizes })
  const [amd64] = lab.nodes
  if (amd64 === undefined) throw new Error('the lab has no node')
  await pullThrough(amd64)
  const sentOnce = lab.upstream.bytesSent
  const common = { secretFile: lab.secretFile, upstreams: [lab.upstreamFlag] }

  await using arm64 = await SwarmNode.start({
    ...{ ...common, name: 'arm64', directory: lab.directory('arm64'), bootstrap: amd64.addresses },
    ...{ runtime, cli: join(root, shoal) },
  })
  await arm64.joined()
  await pullThrough(arm64)
  t.true((await arm64.transfers()).fromPeers > layerSizes[0])

  // Who comes now finds only the arm64 agent.
  await amd64.terminate()
  await using last = await SwarmNode.start({
    ...{ ...common, name: 'last', directory: lab.directory('last'), bootstrap: arm64.addresses },
  })
  await last.joined()
  await pullThrough(last)
  t.true((await last.transfers()).fromPeers > layerSizes[0])
  const again = lab.upstream.bytesSent - sentOnce
  t.log({ fromPeers: (await last.transfers()).fromPeers, again })
  t.true(again < 2 * manifestBytes, `the registry sent no layer again, only ${again} bytes of manifests`)
})

/** Why this machine can't run programs for arm64 beside its own. */
async function whyNot(): Promise<string | undefined> {
  if (process.arch !== 'x64') return `this machine is ${process.arch}: image.test.ts runs what it is given`
  await installBuilders()
  // Debian has it, but the rest of this suite needs no emulation: it is there or it is not.
  return await run(emulator, ['--version']).then(
    () => undefined,
    () => `no ${emulator}: apt-get install qemu-user-static`,
  )
}
