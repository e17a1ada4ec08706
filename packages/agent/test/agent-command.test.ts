import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import type { AgentStatus } from '../dist/agent-status.js'
import { openLayout } from '../dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../dist/demo/upstream-registry.js'
import { anyPorts, cli, lineOf, shoal, spawnAgent, startAgent } from './cli.ts'
import { someBytes, temporaryDirectory, writeLayout, writeTree } from './fixture.ts'

async function takenPort(t: ExecutionContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => void server.close())
  return (server.address() as AddressInfo).port
}

const statusOf = async (admin: string) =>
  (await (await fetch(`http://${admin}/api/v1/status`)).json()) as AgentStatus

test.serial('a node alone, without any secret, is ready', async (t) => {
  const { addresses } = await startAgent(t, '--data-dir', await temporaryDirectory(t))
  t.is((await fetch(`http://${addresses.admin}/readyz`)).status, 200)
  t.is((await fetch(`http://${addresses.registry}/v2/`)).status, 200)
  t.like(await statusOf(addresses.admin), { state: 'ready', peers: [], downloads: [] })
})

test.serial('the addresses told at the start are those to bootstrap from', async (t) => {
  const { addresses } = await startAgent(t, '--data-dir', await temporaryDirectory(t))
  const { peer } = await statusOf(addresses.admin)
  t.regex(addresses.swarm[0] ?? '', new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/[1-9]\\d*/p2p/${peer}$`))
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(`${signal} ends it with status 0`, async (t) => {
    const agent = await startAgent(t, '--data-dir', await temporaryDirectory(t))
    agent.process.kill(signal)
    t.is((await agent.ended()).status, 0)
    t.deepEqual(
      agent.lines.slice(-2).map(({ msg }) => msg),
      ['agent stopping', 'agent stopped'],
    )
  })
}

test.serial('SIGTERM while it starts ends it with status 0', async (t) => {
  const agent = spawnAgent(t, ['--data-dir', await temporaryDirectory(t)])
  await once(agent.reader, 'line')
  agent.process.kill('SIGTERM')
  t.is((await agent.ended()).status, 0)
})

test.serial('it keeps its identity and its secret over a restart', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const first = await startAgent(t, '--data-dir', dataDir)
  const { peer } = await statusOf(first.addresses.admin)
  first.process.kill('SIGTERM')
  await first.ended()
  const second = await startAgent(t, '--data-dir', dataDir)
  t.is((await statusOf(second.addresses.admin)).peer, peer)
  t.false(second.lines.some(({ msg }) => msg.startsWith('made a cluster secret')))
})

test.serial('it ends when the parent that spawned it with a channel is gone', async (t) => {
  const flags = ['agent', ...anyPorts, '--data-dir', await temporaryDirectory(t)]
  const child = spawn(process.execPath, [cli, ...flags], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  const reader = createInterface({ input: child.stdout as Readable })
  const messages: string[] = []
  reader.on('line', (line) => {
    const { msg, reason } = JSON.parse(line)
    messages.push(reason ?? msg)
    // The system closes the channel like this when a parent dies.
    if (msg === 'agent ready') child.disconnect()
  })
  const [[status]] = await Promise.all([once(child, 'exit'), once(reader, 'close')])
  t.is(status, 0)
  t.deepEqual(messages.slice(-2), ['the parent process ended', 'agent stopped'])
})

test.serial('an unreachable bootstrap address leaves it up', async (t) => {
  const port = await takenPort(t)
  const agent = await startAgent(
    t,
    ...['--data-dir', await temporaryDirectory(t)],
    ...['--bootstrap', `/ip4/127.0.0.1/tcp/${port === 1 ? 2 : 1}`],
  )
  t.like(await statusOf(agent.addresses.admin), { state: 'ready', peers: [] })
})

for (const [flag, addressAt] of [
  ['--registry-listen', (port: number) => `127.0.0.1:${port}`],
  ['--admin-listen', (port: number) => `127.0.0.1:${port}`],
  ['--swarm-listen', (port: number) => `/ip4/127.0.0.1/tcp/${port}`],
] as const) {
  test.serial(`a port in use for ${flag} is one line and status 1`, async (t) => {
    const taken = addressAt(await takenPort(t))
    const ports = anyPorts.map((value, index) => (anyPorts[index - 1] === flag ? taken : value))
    const ended = await shoal(['agent', ...ports, '--data-dir', await temporaryDirectory(t)])
    t.is(ended.status, 1)
    t.is(ended.stderr, `shoal: can't listen on ${taken} (${flag}): another process is using that address`)
  })
}

test.serial('a data directory that can not be made is one line and status 1', async (t) => {
  const file = join(await writeTree(await temporaryDirectory(t), { file: '' }), 'file')
  const ended = await shoal(['agent', ...anyPorts], { SHOAL_DATA_DIR: `${file}/data` })
  t.is(ended.status, 1)
  t.regex(ended.stderr, /^shoal: SHOAL_DATA_DIR: [^\n]*file\/data[^\n]*choose another data directory$/)
})

test.serial('a data directory where nothing can be made is one line and status 1', async (t) => {
  const ended = await shoal(['agent', ...anyPorts, '--data-dir', '/proc/shoal'])
  t.is(ended.status, 1)
  t.regex(ended.stderr, /^shoal: --data-dir: [^\n]*\/proc\/shoal[^\n]*choose another data directory$/)
})

test.serial('a data directory in use is one line and status 1', async (t) => {
  const dataDir = await temporaryDirectory(t)
  await startAgent(t, '--data-dir', dataDir)
  const ended = await shoal(['agent', ...anyPorts, '--data-dir', dataDir])
  t.is(ended.status, 1)
  t.regex(ended.stderr, /^shoal: [^\n]*in use by another process[^\n]*$/)
})

test.serial('a secret that could be guessed is one line and status 2', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: 'hunter2' })
  const secret = join(directory, 'secret')
  await chmod(secret, 0o600)
  const ended = await shoal(['agent', ...anyPorts, '--data-dir', directory, '--cluster-secret-file', secret])
  t.is(ended.status, 2)
  t.regex(ended.stderr, /^shoal: --cluster-secret-file: the cluster secret is [^\n]*$/)
  t.false(ended.stderr.includes('hunter2'))
})

test.serial('each problem of the configuration is a line, and the status is 2', async (t) => {
  const ended = await shoal(['agent', '--data-dr', '/x', '--registry-listen', 'x'], {
    SHOAL_LOG_LEVEL: 'loud',
  })
  t.is(ended.status, 2)
  t.deepEqual(ended.stderr.split('\n'), [
    'shoal: --data-dr: unknown flag; did you mean --data-dir?',
    'shoal: "/x": unexpected argument',
    'shoal: --registry-listen: got "x", expected host:port with a port from 0 to 65535, such as 127.0.0.1:5005',
    'shoal: SHOAL_LOG_LEVEL: got "loud", expected one of trace, debug, info, warn, error, fatal',
  ])
})

test.serial('a malformed bootstrap address is one line and status 2', async (t) => {
  const ended = await shoal(['agent', '--bootstrap', '/ip4/10.0.0.1/tcp/5006/p2p/nobody'])
  t.is(ended.status, 2)
  t.regex(
    ended.stderr,
    /^shoal: --bootstrap: got "\/ip4\/10\.0\.0\.1\/tcp\/5006\/p2p\/nobody", expected [^\n]*$/,
  )
})

test.serial('a flag without its value is one line and status 2', async (t) => {
  const ended = await shoal(['agent', '--data-dir'])
  t.deepEqual(ended, { status: 2, stdout: '', stderr: "shoal: option '--data-dir <dir>' argument missing" })
})

test.serial('nothing is written to standard error by an agent that runs well', async (t) => {
  const agent = await startAgent(t, '--data-dir', await temporaryDirectory(t))
  agent.process.kill('SIGTERM')
  t.is((await agent.ended()).stderr, '')
})

/** An agent with a client that reads one piece of a layer and then no more. */
async function agentWithStuckClient(t: ExecutionContext) {
  const { directory, layers } = await writeLayout(await temporaryDirectory(t), [someBytes(40_000_000)])
  const layout = await openLayout(directory)
  const upstream = await UpstreamRegistry.start({ layout, name: 'shoal/demo', tag: 'latest' })
  t.teardown(() => upstream.stop())
  const flags = ['--data-dir', await temporaryDirectory(t), '--upstream', `demo.registry=${upstream.url}`]
  const agent = await startAgent(t, ...flags)
  const { hostname, port } = new URL(`http://${agent.addresses.registry}`)
  const client = connect(Number(port), hostname)
  t.teardown(() => client.destroy())
  client.write(
    `GET /v2/shoal/demo/blobs/${layers[0]?.digest}?ns=demo.registry HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`,
  )
  await once(client, 'readable')
  return agent
}

test.serial(
  'a client that stands still does not keep it from ending with status 0 within 10 s',
  async (t) => {
    const agent = await agentWithStuckClient(t)
    agent.process.kill('SIGTERM')
    const timer = setTimeout(() => agent.process.kill('SIGKILL'), 10_000)
    const { status } = await agent.ended()
    clearTimeout(timer)
    t.is(status, 0)
  },
)

test.serial('a second signal ends it at once, and not with status 0', async (t) => {
  const agent = await agentWithStuckClient(t)
  agent.process.kill('SIGTERM')
  await lineOf(agent, 'agent stopping')
  agent.process.kill('SIGTERM')
  t.is((await agent.ended()).status, 130)
  t.false(agent.lines.some(({ msg }) => msg === 'agent stopped'))
})

for (const [what, defect] of [
  ['an error that nobody caught', 'throw new Error("boom")'],
  ['a rejection that nobody handled', 'Promise.reject(new Error("boom"))'],
] as const) {
  test.serial(`${what} is logged with its stack and ends it with status 1`, async (t) => {
    const script = `process.on("SIGUSR2", () => { ${defect} })`
    const environment = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(script)}` }
    const agent = spawnAgent(t, ['--data-dir', await temporaryDirectory(t)], environment)
    await lineOf(agent, 'agent ready')
    agent.process.kill('SIGUSR2')
    t.is((await agent.ended()).status, 1)
    t.like(agent.lines.at(-1), { level: 'fatal', err: { message: 'boom' } })
    t.regex(JSON.stringify(agent.lines.at(-1)), /"stack":"Error: boom\\n +at process/)
  })
}
