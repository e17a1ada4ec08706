import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { InvalidInputError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { NameService } from '../../dist/host/bootstrap-names.js'
import { parseBootstrapSource } from '../../dist/host/bootstrap-source.js'
import { addressOf, nextPeer, RecordingLogger, startHost, withoutId } from './fixture.ts'

const schedule = { firstDelayMs: 20, longestDelayMs: 100, connectedDelayMs: 60_000 }
const signal = AbortSignal.timeout(60_000)

/** A name service with these records and no others. */
function names(init: {
  addresses?: Record<string, string[]>
  srv?: Record<string, { name: string; port: number; priority: number }[]>
}): NameService {
  return {
    async lookup(name) {
      const found = init.addresses?.[name]
      if (found === undefined) throw new Error(`getaddrinfo ENOTFOUND ${name}`)
      return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    },
    async srv(name) {
      const found = init.srv?.[name]
      if (found === undefined) throw new Error(`querySrv ENOTFOUND ${name}`)
      return found.map((record) => ({ weight: 1, ...record }))
    },
  }
}

async function found(text: string, service = names({})): Promise<string[]> {
  return (await parseBootstrapSource(text, service).find(signal)).map(String)
}

async function fileWith(t: ExecutionContext, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-bootstrap-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'peers')
  await writeFile(path, text)
  return path
}

test('a name stands for all its addresses, of both families', async (t) => {
  const service = names({ addresses: { shoal: ['10.0.0.1', 'fd00::1'] } })
  t.deepEqual(await found('/dns/shoal/tcp/5006', service), [
    '/ip4/10.0.0.1/tcp/5006',
    '/ip6/fd00::1/tcp/5006',
  ])
})

test('SRV records name hosts and ports, and the best priority counts', async (t) => {
  const service = names({
    addresses: { a: ['10.0.0.1'], b: ['10.0.0.2'], spare: ['10.0.0.3'] },
    srv: {
      '_swarm._tcp.shoal': [
        { name: 'a', port: 5006, priority: 0 },
        { name: 'b', port: 5007, priority: 0 },
        { name: 'spare', port: 5008, priority: 10 },
      ],
    },
  })
  t.deepEqual(await found('srv:_swarm._tcp.shoal', service), [
    '/ip4/10.0.0.1/tcp/5006',
    '/ip4/10.0.0.2/tcp/5007',
  ])
})

test('one SRV target without an address does not hide the others', async (t) => {
  const service = names({
    addresses: { a: ['10.0.0.1'] },
    srv: { s: ['gone', 'a'].map((name) => ({ name, port: 5006, priority: 0 })) },
  })
  t.deepEqual(await found('srv:s', service), ['/ip4/10.0.0.1/tcp/5006'])
})

test('a file has an address a line, and comments', async (t) => {
  const path = await fileWith(
    t,
    '# nodes of rack 3\n/ip4/10.0.0.1/tcp/5006\n\n  /dns4/b/tcp/1 # the old one\n',
  )
  t.deepEqual(await found(`file:${path}`), ['/ip4/10.0.0.1/tcp/5006', '/dns4/b/tcp/1'])
})

test('of a file that is half garbage the other half counts', async (t) => {
  const path = await fileWith(t, `\u0000\u0001\n/ip4/10.0.0.1/tcp/5006\n${'x'.repeat(10_000)}\n`)
  t.deepEqual(await found(`file:${path}`), ['/ip4/10.0.0.1/tcp/5006'])
})

test('a file that is all garbage is refused by its first line', async (t) => {
  const path = await fileWith(t, '<html>\n')
  await t.throwsAsync(found(`file:${path}`), { message: /"<html>"/ })
})

test('of a file that is too long the whole lines at its beginning count', async (t) => {
  const line = '/ip4/10.0.0.1/tcp/5006\n'
  const path = await fileWith(t, line.repeat(10_000))
  t.is((await found(`file:${path}`)).length, Math.floor((64 * 1024) / line.length))
})

for (const text of ['srv:', 'file:', 'consul:shoal', '']) {
  test(`${JSON.stringify(text)} is refused`, (t) => {
    const { code } = t.throws<InvalidInputError>(() => parseBootstrapSource(text, names({}))) ?? {}
    t.is(code, 'ADDRESS_INVALID')
  })
}

test('a host that is alone reads the file again, and joins when somebody stands in it', async (t) => {
  const path = await fileWith(t, '')
  const logger = new RecordingLogger()
  const host = await startHost(t, { bootstrap: [`file:${path}`], logger, timings: { bootstrap: schedule } })
  const first = await startHost(t)
  const joined = nextPeer(host, 'onPeerConnected')
  await writeFile(path, `${withoutId(addressOf(first))}\n`)
  t.is(await joined, first.peer)
  t.deepEqual(logger.at('warn'), [])
})

test('a host that is alone asks for the name again, and joins where it leads now', async (t) => {
  const addresses: Record<string, string[]> = {}
  const first = await startHost(t)
  const [, port] = /\/tcp\/(\d+)/.exec(addressOf(first)) ?? []
  const logger = new RecordingLogger()
  const host = await startHost(t, {
    bootstrap: [`/dns4/shoal/tcp/${port}`],
    names: names({ addresses }),
    logger,
    timings: { bootstrap: schedule },
  })
  await logger.seen('warn')
  const joined = nextPeer(host, 'onPeerConnected')
  addresses.shoal = ['127.0.0.1']
  t.is(await joined, first.peer)
})

test('two halves that formed apart become one when the name shows both', async (t) => {
  const addresses: Record<string, string[]> = { left: ['127.0.0.1'], right: ['127.0.0.1'] }
  const srv: Record<string, { name: string; port: number; priority: number }[]> = { shoal: [] }
  const bootstrap = { ...schedule, connectedDelayMs: 100 }
  const join = () =>
    startHost(t, { bootstrap: ['srv:shoal'], names: names({ addresses, srv }), timings: { bootstrap } })
  const record = (name: string, host: Awaited<ReturnType<typeof join>>) => {
    const [, port] = /\/tcp\/(\d+)/.exec(addressOf(host)) ?? []
    return { name, port: Number(port), priority: 0 }
  }
  const halves = []
  for (const name of ['left', 'right']) {
    const first = await join()
    srv.shoal = [record(name, first)]
    const second = await join()
    await nextPeer(second, 'onPeerConnected')
    halves.push({ first, second, record: record(name, first) })
  }
  const [left, right] = halves
  if (left === undefined || right === undefined) throw new Error('two halves were made')
  const met = new Promise<void>((resolve) => {
    left.second.onPeerConnected((peer) => (peer === right.first.peer ? resolve() : undefined))
  })
  srv.shoal = [left.record, right.record]
  await met
  t.pass()
})

/** Only root can make a namespace; elsewhere the title says why the test is skipped. */
const isRoot = process.getuid?.() === 0
const segmentTest: typeof test.skip = isRoot ? test : test.skip
const unlessRoot = isRoot ? '' : ' (needs root)'

// Multicast needs a network segment: a namespace with nothing but its loopback is one.
segmentTest(
  `hosts on one network segment find each other by mDNS, if their secret is the same${unlessRoot}`,
  async (t) => {
    const script = new URL('./multicast-process.ts', import.meta.url).pathname
    const command = `ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && exec "$0" "$1"`
    const { stdout } = await promisify(execFile)('unshare', [
      '--net',
      'sh',
      '-c',
      command,
      process.execPath,
      script,
    ])
    t.deepEqual(JSON.parse(stdout), { first: true, stranger: false })
  },
)
