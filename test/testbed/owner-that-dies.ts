/** Makes a testbed with a program on it, prints the namespace, and dies without cleaning up. For testbed.test.ts. */
import { spawn } from 'node:child_process'
import { Testbed } from './testbed.ts'

const testbed = await Testbed.start([{ name: 'left' }])
const host = testbed.host('left')
const { file, args } = host.command('sleep', ['3600'])
const child = spawn(file, args, { stdio: 'ignore', detached: true })
while ((await host.processes()).length === 0) await new Promise(setImmediate)
process.stdout.write(`${JSON.stringify({ namespace: host.namespace, pid: child.pid })}\n`, () =>
  process.kill(process.pid, 'SIGKILL'),
)
