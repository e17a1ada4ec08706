import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type AgentDeath, AgentProcess } from '../dist/demo/agent-process.js'
import { DemoError } from '../dist/demo/demo-error.js'
import { SwarmOfAgents } from '../dist/demo/swarm-of-agents.js'
import { anyPorts } from './cli.ts'
import { temporaryDirectory, writeTree } from './fixture.ts'

test.serial('an agent that does not start is an error with the end of its log', async (t) => {
  const flags = [...anyPorts, '--data-dir', '/dev/null/x']
  await t.throwsAsync(AgentProcess.start({ name: 'node 7', flags }), {
    instanceOf: DemoError,
    message:
      /^node 7 failed: it exited with status 1; the end of its log:\n {4}shoal: --data-dir: preparing data directory/,
  })
})

test.serial('an agent that is ready tells its addresses and its status', async (t) => {
  const flags = [...anyPorts, '--data-dir', await temporaryDirectory(t)]
  const agent = await AgentProcess.start({ name: 'node 1', flags })
  t.teardown(() => agent.stop())
  t.regex(agent.addresses.registry, /^127\.0\.0\.1:\d+$/)
  t.is((await agent.status()).state, 'ready')
})

test.serial(
  'the first node of a cluster is ready although nobody answers where it looks for others',
  async (t) => {
    const file = join(await temporaryDirectory(t), 'peers')
    await writeFile(file, '')
    // 192.0.2.0/24 is nobody's (RFC 5737): what is sent there gets no answer at all.
    const places = ['/ip4/192.0.2.1/tcp/5006', '/dns4/nobody.invalid/tcp/5006', `file:${file}`]
    const flags = [...anyPorts, '--data-dir', await temporaryDirectory(t)]
    for (const place of places) flags.push('--bootstrap', place)
    const agent = await AgentProcess.start({ name: 'node 1', flags })
    t.teardown(() => agent.stop())
    t.is((await agent.status()).state, 'ready')
  },
)

test.serial('an agent that is ready has left its compiled modules to those that start next', async (t) => {
  const compileCacheDir = await temporaryDirectory(t)
  const flags = [...anyPorts, '--data-dir', await temporaryDirectory(t)]
  const agent = await AgentProcess.start({ name: 'node 1', flags, compileCacheDir })
  t.teardown(() => agent.stop())
  // Asked after the flush: the agent does both in one turn after its line, before it answers anybody.
  await agent.status()
  t.true((await readdir(compileCacheDir, { recursive: true })).length > 100)
})

test.serial('an agent that was not told to end is reported, one that was is not', async (t) => {
  const start = async (name: string) => {
    const agent = await AgentProcess.start({
      name,
      flags: [...anyPorts, '--data-dir', await temporaryDirectory(t)],
    })
    t.teardown(() => agent.stop())
    return agent
  }
  const [stopped, killed] = [await start('node 1'), await start('node 2')]
  const deaths: string[] = []
  stopped.onDeath(({ how }) => deaths.push(how))
  await stopped.stop()
  const died = new Promise<AgentDeath>((resolve) => killed.onDeath(resolve))
  killed.kill()
  const { how, crashed, error } = await died
  t.is(how, 'was ended by SIGKILL')
  t.false(crashed)
  t.regex(error.message, /^node 2 failed: it was ended by SIGKILL/)
  t.deepEqual(deaths, [])
})

test.serial('an abort ends an agent that is starting', async (t) => {
  const controller = new AbortController()
  const flags = [...anyPorts, '--data-dir', await temporaryDirectory(t)]
  const starting = AgentProcess.start({ name: 'node 1', flags }, { signal: controller.signal })
  controller.abort()
  await t.throwsAsync(starting, { name: 'AbortError' })
})

test.serial('a swarm of which one node can not start leaves none behind', async (t) => {
  // Its data directory can't be made: the name is taken.
  const workDir = await writeTree(await temporaryDirectory(t), { 'node-2': 'a file' })
  const started: AgentProcess[] = []
  const upstream = 'demo.registry=http://127.0.0.1:1'
  await t.throwsAsync(
    SwarmOfAgents.start({ nodes: 2, workDir, upstream, onReady: (node) => started.push(node) }),
    { message: /node-2/ },
  )
  t.is(started.length, 1)
  for (const node of started) await t.throwsAsync(node.status(), { message: /nobody answers/ })
})
