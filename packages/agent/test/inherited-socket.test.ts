import { once } from 'node:events'
import { type AddressInfo, BoundSocket, connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { AgentAddresses } from '../dist/agent.js'
import { lineOf, spawnAgent } from './cli.ts'
import { temporaryDirectory } from './fixture.ts'

/** As systemd starts it: the process that runs the agent is the one that `LISTEN_PID` names. */
const asActivated = ['sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"']
const named = { LISTEN_FDS: '1', LISTEN_FDNAMES: 'registry' }

/** A socket that this process holds as systemd would: nobody accepts from it but agents. */
function keptSocket(host = '127.0.0.1') {
  const socket = new BoundSocket({ host })
  const { port } = socket.address() as AddressInfo
  return { fd: socket.fd(), port, url: `http://127.0.0.1:${port}/v2/` }
}

async function activate(
  t: ExecutionContext,
  { fd }: { fd: number },
  flags: readonly string[] = [],
  variables: Record<string, string> = named,
) {
  const dataDir = await temporaryDirectory(t)
  return spawnAgent(t, ['--data-dir', dataDir, ...flags], variables, asActivated, [fd])
}

async function addressesOf(agent: ReturnType<typeof spawnAgent>): Promise<AgentAddresses> {
  return (await lineOf(agent, 'agent ready')) as unknown as AgentAddresses
}

test.serial('an agent serves on the socket that it inherits', async (t) => {
  const kept = keptSocket()
  const agent = await activate(t, kept)
  t.is((await addressesOf(agent)).registry, `127.0.0.1:${kept.port}`)
  t.is((await fetch(kept.url)).status, 200)
  t.deepEqual(
    agent.lines.filter(({ level }) => level === 'warn'),
    [],
  )
})

test.serial('who connects while no agent is there is served by the next one', async (t) => {
  const kept = keptSocket()
  const first = await activate(t, kept)
  await addressesOf(first)
  first.process.kill('SIGKILL')
  await first.ended()
  const socket = connect(kept.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET /v2/ HTTP/1.1\r\nHost: shim\r\n\r\n')
  await once(socket, 'connect')
  await activate(t, kept)
  const [answer] = await once(socket, 'data')
  t.regex(String(answer), /^HTTP\/1\.1 200 /)
})

test.serial('an agent that is told to stop ends, and leaves the socket to who holds it', async (t) => {
  const kept = keptSocket()
  const agent = await activate(t, kept)
  await addressesOf(agent)
  agent.process.kill('SIGTERM')
  t.is((await agent.ended()).status, 0)
  const socket = connect(kept.port, '127.0.0.1')
  await t.notThrowsAsync(once(socket, 'connect'))
  socket.destroy()
})

test.serial('an agent warns of a registry.listen that does not count', async (t) => {
  const kept = keptSocket()
  const agent = await activate(t, kept, ['--registry-listen', '127.0.0.1:5055'])
  t.is((await addressesOf(agent)).registry, `127.0.0.1:${kept.port}`)
  t.like(
    agent.lines.find(({ level }) => level === 'warn'),
    {
      msg: 'listening on the inherited socket, not where configured',
      inherited: `127.0.0.1:${kept.port}`,
      configured: '127.0.0.1:5055 (--registry-listen)',
    },
  )
})

test.serial('an inherited socket beyond loopback is refused, unless the shim may be exposed', async (t) => {
  const kept = keptSocket('0.0.0.0')
  const refused = await activate(t, kept)
  t.deepEqual(await refused.ended().then(({ status, stderr }) => ({ status, stderr })), {
    status: 1,
    stderr: `shoal: the inherited socket listens on 0.0.0.0:${kept.port}: expected a loopback address, unless --registry-exposed is set`,
  })
  const exposed = await activate(t, kept, ['--registry-exposed'])
  await addressesOf(exposed)
  t.is((await fetch(kept.url)).status, 200)
})

test.serial('an inherited socket that is none ends the agent with one line', async (t) => {
  const agent = await activate(t, { fd: 2 })
  const { status, stderr } = await agent.ended()
  t.is(status, 1)
  t.regex(
    stderr,
    /^shoal: cannot listen on the inherited descriptor 3: got \w+, expected a listening TCP socket$/,
  )
})

test.serial('sockets that the agent does not know are a mistake in the configuration', async (t) => {
  const agent = await activate(t, keptSocket(), [], { ...named, LISTEN_FDNAMES: 'web' })
  const { status, stderr } = await agent.ended()
  t.is(status, 2)
  t.regex(
    stderr,
    /^shoal: LISTEN_FDS: got 1 socket with LISTEN_FDNAMES "web", expected 1 with the name registry/,
  )
})

test.serial('a socket of another process is not touched', async (t) => {
  const kept = keptSocket()
  const agent = spawnAgent(
    t,
    ['--data-dir', await temporaryDirectory(t)],
    { ...named, LISTEN_PID: '1' },
    [],
    [kept.fd],
  )
  t.not((await addressesOf(agent)).registry, `127.0.0.1:${kept.port}`)
})
