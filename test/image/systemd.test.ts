import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { writeTarball } from '../../packaging/tarball.ts'
import { SystemdHost } from '../harness/systemd-host.ts'
import { installBuilders } from './install.ts'

const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
/** Waits as a client does, as long as it takes. */
const askScript = (port: number) => `
const status = ({ status }) => String(status)
const fault = ({ cause }) => cause.code ?? cause.message
console.log(await fetch('http://127.0.0.1:${port}/v2/').then(status, fault))`
/** The start of an agent takes about a second; this is for a busy machine. */
const readyTimeoutMs = 30_000
/** From the first of ten starts that fail to the last, and what a busy machine needs. */
const givenUpMs = 30_000
/** In place of minutes; longer than the limit of the starts. */
const retry = { limitSeconds: 20, afterSeconds: 23 }

/** The agent's warning that the socket is not where its configuration has it. */
const elsewhere = /not where configured/

let directory: string
let host: SystemdHost

test.before(async (t) => {
  t.timeout(600_000)
  await installBuilders()
  directory = await mkdtemp(join(tmpdir(), 'shoal-systemd-test-'))
  const { file } = await writeTarball({ architecture, directory })
  host = await SystemdHost.start(file)
  // As packaging/README.md has it.
  await host.run('sh', '-ec', 'mkdir -p /etc/shoal; cp /opt/shoal/config.yaml /etc/shoal/')
  await host.run('sh', '-ec', 'umask 077; head -c 32 /dev/urandom | base64 > /etc/shoal/cluster-secret')
})

test.after.always(async () => {
  await host?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

test.serial('who starts the agent has the socket opened, and is served by it', async (t) => {
  await host.run('systemctl', 'enable', '--now', 'shoal')
  t.is(await host.property('shoal.socket', 'ActiveState'), 'active')
  t.is(await ask(), '200')
  const log = await host.run('journalctl', '--unit', 'shoal', '--output', 'cat')
  t.regex(log, /"msg":"agent ready"/)
  t.notRegex(log, elsewhere, 'the unit and the configuration agree')
})

test.serial('an agent that is killed is followed by another, which serves who has waited', async (t) => {
  const waits: number[] = []
  for (let round = 0; round < 3; round++) {
    await host.run('systemctl', 'kill', '--signal', 'KILL', 'shoal')
    const askedAt = performance.now()
    t.is(await ask(), '200')
    waits.push(Math.round(performance.now() - askedAt))
  }
  t.log({ waits })
  t.is(await host.property('shoal.service', 'NRestarts'), '3')
})

test.serial('a restart leaves the socket open', async (t) => {
  const since = await host.property('shoal.socket', 'ActiveEnterTimestampMonotonic')
  await host.run('systemctl', 'restart', 'shoal')
  t.is(await ask(), '200')
  t.is(await host.property('shoal.socket', 'ActiveEnterTimestampMonotonic'), since)
})

test.serial('who stops the agent closes the socket, until it is started again', async (t) => {
  await host.run('systemctl', 'stop', 'shoal')
  t.is(await ask(), 'ECONNREFUSED')
  t.is(await host.property('shoal.service', 'ActiveState'), 'inactive', 'asking has not started it')
  t.is(await host.property('shoal-retry.timer', 'ActiveState'), 'inactive')
  await host.run('systemctl', 'start', 'shoal')
  t.is(await ask(), '200')
})

test.serial('an agent that does not start is given up, and does not keep clients waiting', async (t) => {
  await giveUp()
  const askedAt = performance.now()
  const answer = await ask()
  const waited = performance.now() - askedAt
  t.log({ answer, waited: Math.round(waited) })
  t.not(answer, '200')
  t.true(waited < givenUpMs)
  t.is(await ask(), 'ECONNREFUSED')
  t.is(await host.property('shoal.service', 'ActiveState'), 'failed')
  t.is(await host.property('shoal.socket', 'Result'), 'service-start-limit-hit')
})

test.serial('an agent that was given up is tried again by itself', async (t) => {
  t.is(await host.property('shoal.service', 'ActiveState'), 'failed')
  await host.run('cp', '/opt/shoal/config.yaml', '/etc/shoal/config.yaml')
  const signal = AbortSignal.timeout(retry.afterSeconds * 1_000 + readyTimeoutMs)
  while ((await ask()) !== '200') await delay(200, undefined, { signal })
  t.is(await host.property('shoal.socket', 'ActiveState'), 'active')
})

test.serial('who stops an agent that was given up has it tried no more', async (t) => {
  await giveUp()
  await ask()
  t.is(await host.property('shoal-retry.timer', 'ActiveState'), 'active')
  await host.run('systemctl', 'stop', 'shoal')
  t.is(await host.property('shoal-retry.timer', 'ActiveState'), 'inactive')
})

test.serial('who has mended what kept the agent from starting need not wait', async (t) => {
  await host.run('cp', '/opt/shoal/config.yaml', '/etc/shoal/config.yaml')
  await host.run('systemctl', 'reset-failed', 'shoal')
  await host.run('systemctl', 'start', 'shoal')
  t.is(await ask(), '200')
})

test.serial('another port is named by the configuration and the socket unit', async (t) => {
  await host.run('sed', '-i', 's/listen: 127.0.0.1:5005/listen: 127.0.0.1:5055/', '/etc/shoal/config.yaml')
  const dropIn = '[Socket]\nListenStream=\nListenStream=127.0.0.1:5055\n'
  await host.write('/etc/systemd/system/shoal.socket.d/port.conf', dropIn)
  await host.run('systemctl', 'daemon-reload')
  await host.run('systemctl', 'stop', 'shoal')
  await host.run('systemctl', 'start', 'shoal')
  t.is(await ask(5055), '200')
  t.is(await ask(5005), 'ECONNREFUSED')
  const id = await host.property('shoal.service', 'InvocationID')
  t.notRegex(await host.run('journalctl', `_SYSTEMD_INVOCATION_ID=${id}`, '--output', 'cat'), elsewhere)
})

/** `200`, or the code of the error. */
async function ask(port = 5005): Promise<string> {
  const answer = await host.run('/opt/shoal/bin/node', '--input-type=module', '--eval', askScript(port))
  return answer.trim()
}

/** Starts an agent that finds its configuration wrong. */
async function giveUp(): Promise<void> {
  const { limitSeconds, afterSeconds } = retry
  const units = '/etc/systemd/system'
  await host.write(`${units}/shoal.service.d/test.conf`, `[Unit]\nStartLimitIntervalSec=${limitSeconds}\n`)
  await host.write(
    `${units}/shoal-retry.timer.d/test.conf`,
    `[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=${afterSeconds}\nAccuracySec=1\n`,
  )
  await host.run('systemctl', 'daemon-reload')
  await host.run('systemctl', 'stop', 'shoal')
  await host.write('/etc/shoal/config.yaml', 'nonsense: 1\n')
  await host.run('systemctl', 'start', 'shoal')
}
