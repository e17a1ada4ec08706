import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { execa } from 'execa'
import type { Daemon } from '../harness/daemon.ts'
import { run } from '../harness/run.ts'
import type { Host } from './host.ts'
import { clusterHosts, Testbed, whyNoTestbed } from './testbed.ts'

const reason = await whyNoTestbed()

/** Where no testbed can be, its tests are skipped, and their titles say why. */
function testbedTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (reason === undefined) test(title, body)
  else test.skip(`${title} (${reason})`, body)
}

const httpServer = `
  const server = require('node:http').createServer((request, response) => {
    response.end(Buffer.alloc(Number(request.url.slice(1))))
  })
  server.listen(80, () => console.log('listening'))
`

async function serve(host: Host): Promise<Daemon> {
  return await host.start({
    name: `server on ${host.name}`,
    file: process.execPath,
    args: ['-e', httpServer],
    ready: (line) => line === 'listening',
  })
}

/** Fetches `bytes` from another host; rejects when no answer comes within `timeoutMs`. */
async function fetchFrom(host: Host, server: Host, { bytes = 1, timeoutMs = 10_000 } = {}): Promise<void> {
  const script = `fetch('http://${server.address}/${bytes}', { signal: AbortSignal.timeout(${timeoutMs}) })
    .then((response) => response.arrayBuffer())
    .catch(({ name }) => { console.error(name); process.exit(1) })`
  await host.run(process.execPath, ['-e', script])
}

/** Empty for a process that has ended, collected by its parent or not. */
async function commandLineOf(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}

const timesOut = { message: /TimeoutError/ }

testbedTest('hosts reach each other, and their links count what is carried', async (t) => {
  await using testbed = await Testbed.start(clusterHosts({ nodes: 2, link: 25e6, upstream: 25e6 }))
  const [upstream, node, idle] = testbed.hosts as [Host, Host, Host]
  await using _ = await serve(upstream)
  await fetchFrom(node, upstream, { bytes: 1_000_000 })
  const carried = await testbed.linkBytes()
  t.true(Number(carried.get(upstream)?.sent) > 1_000_000)
  t.true(Number(carried.get(node)?.received) > 1_000_000)
  t.true(Number(carried.get(idle)?.received) < 10_000)
})

testbedTest("acknowledgements leave a host by a queue of their own, past the host's data", async (t) => {
  await using testbed = await Testbed.start([
    { name: 'server', rate: 25e6 },
    { name: 'client', rate: 25e6 },
  ])
  const [server, client] = testbed.hosts as [Host, Host]
  await using _ = await serve(server)
  await fetchFrom(client, server, { bytes: 1_000_000 })
  const sentBy = async ({ namespace }: Host): Promise<number[]> => {
    const queues = await run('tc', ['-n', namespace, '-s', '-j', 'qdisc', 'show', 'dev', 'eth0'])
    const all = JSON.parse(queues) as { kind: string; bytes: number }[]
    return ['pfifo', 'bfifo'].map((name) => all.find(({ kind }) => kind === name)?.bytes ?? Number.NaN)
  }
  const [acknowledgements = 0, fromClient = 0] = await sentBy(client)
  t.true(
    acknowledgements > fromClient,
    `${acknowledgements} bytes of short packets, ${fromClient} of long ones`,
  )
  const [fromServer = 0, data = 0] = await sentBy(server)
  t.true(
    data > 1_000_000 && fromServer < 100_000,
    `${fromServer} bytes of short packets, ${data} of long ones`,
  )
})

testbedTest('both directions of a link are shaped to its rate', async (t) => {
  const inits = [{ name: 'fast' }, { name: 'slow', rate: 1.25e6 }]
  await using testbed = await Testbed.start(inits)
  const [fast, slow] = testbed.hosts as [Host, Host]
  await using _up = await serve(slow)
  await using _down = await serve(fast)
  // A tenth of a second is for the burst that a bucket lets pass; a slow machine can only take longer.
  for (const [client, server] of [
    [fast, slow],
    [slow, fast],
  ] as const) {
    const startMs = performance.now()
    await fetchFrom(client, server, { bytes: 1_250_000 })
    t.true(performance.now() - startMs > 900, `from ${server.name}`)
  }
})

testbedTest('a partition keeps groups apart until it is healed', async (t) => {
  await using testbed = await Testbed.start([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
  const [a, b, c] = testbed.hosts as [Host, Host, Host]
  await using _ = await serve(c)
  await testbed.partition([a], [b, c])
  await t.throwsAsync(fetchFrom(a, c, { timeoutMs: 300 }), timesOut)
  await t.notThrowsAsync(fetchFrom(b, c))
  await testbed.heal()
  await t.notThrowsAsync(fetchFrom(a, c))
})

testbedTest('a frozen host is silent until it thaws', async (t) => {
  await using testbed = await Testbed.start([{ name: 'a' }, { name: 'b' }])
  const [a, b] = testbed.hosts as [Host, Host]
  await using _ = await serve(b)
  await b.freeze()
  await t.throwsAsync(fetchFrom(a, b, { timeoutMs: 300 }), timesOut)
  await b.thaw()
  await t.notThrowsAsync(fetchFrom(a, b))
})

testbedTest('a killed host runs nothing, and can start again', async (t) => {
  await using testbed = await Testbed.start([{ name: 'a' }, { name: 'b' }])
  const [a, b] = testbed.hosts as [Host, Host]
  await serve(b)
  await b.kill()
  t.deepEqual(await b.processes(), [])
  await using _ = await serve(b)
  await t.notThrowsAsync(fetchFrom(a, b))
})

testbedTest('a testbed that ends takes its processes and namespaces with it', async (t) => {
  const testbed = await Testbed.start([{ name: 'a' }])
  const host = testbed.host('a')
  const { file, args } = host.command('sleep', ['3600'])
  const child = spawn(file, args, { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  while ((await host.processes()).length === 0) await new Promise(setImmediate)
  await testbed[Symbol.asyncDispose]()
  t.is(await ended, 'SIGKILL')
  t.false((await run('ip', ['netns', 'list'])).includes(host.namespace))
})

testbedTest('what a dead process left is removed when the next testbed starts', async (t) => {
  const script = fileURLToPath(new URL('./owner-that-dies.ts', import.meta.url))
  const { stdout, signal } = await execa(process.execPath, [script], { reject: false })
  t.is(signal, 'SIGKILL')
  const left = JSON.parse(stdout) as { namespace: string; pid: number }
  await using _ = await Testbed.start([{ name: 'a' }])
  t.false((await run('ip', ['netns', 'list'])).includes(left.namespace))
  t.is(await commandLineOf(left.pid), '')
})
