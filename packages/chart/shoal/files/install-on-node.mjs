// Runs `shoal <arguments>` once the agent beside it is ready, then stays: a container of a DaemonSet that ended would
// be started again. Fails as the command fails, so that the pod shows it and the kubelet tries again, ever later.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

const [readyUrl, ...shoalArguments] = process.argv.slice(2)
const pollMs = 1_000
const probeTimeoutMs = 3_000

let child
for (const signal of ['SIGTERM', 'SIGINT']) {
  // A command at work rolls back or ends what it began, and then this ends with it.
  process.on(signal, () => (child === undefined ? process.exit(0) : child.kill(signal)))
}

while (!(await isReady())) await sleep(pollMs)
const code = await run('shoal', shoalArguments)
if (code !== 0) process.exit(code)
setInterval(() => {}, 2 ** 30)

async function isReady() {
  try {
    const response = await fetch(readyUrl, { signal: AbortSignal.timeout(probeTimeoutMs) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false // not there yet: asked again
  }
}

function run(file, args) {
  const { promise, resolve, reject } = Promise.withResolvers()
  child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  child.once('error', reject)
  child.once('exit', (exitCode, signal) => {
    child = undefined
    resolve(signal === null ? exitCode : 1)
  })
  return promise
}
