// What the uninstall hook asks of the API server: `delete <name>` removes a DaemonSet and waits for its pods to go;
// `await <name>` waits until its pods are ready on every node, and names the nodes that are late.
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

const [command, name, timeoutSeconds] = process.argv.slice(2)
const account = process.env.SERVICE_ACCOUNT_DIR ?? '/var/run/secrets/kubernetes.io/serviceaccount'
const namespace = readFileSync(`${account}/namespace`, 'utf8')
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
const daemonSet = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`
const deadline = Date.now() + Number(timeoutSeconds) * 1_000
const pollMs = 2_000
const requestTimeoutMs = 10_000

const commands = { delete: remove, await: untilReady }
process.on('SIGTERM', () => process.exit(1))
await commands[command]()

async function remove() {
  const selector = labelSelector(await call('GET', daemonSet))
  await call('DELETE', `${daemonSet}?propagationPolicy=Foreground`)
  await until(async () => {
    const gone = (await call('GET', daemonSet)) === undefined
    const pods = selector === undefined ? [] : await podsOf(selector)
    return { done: gone && pods.length === 0, late: pods.map((pod) => `${nodeOf(pod)}: still stopping`) }
  })
}

async function untilReady() {
  await until(async () => {
    const found = await call('GET', daemonSet)
    if (found === undefined) return { done: false, late: [`DaemonSet ${name} is not there`] }
    const { status = {}, metadata } = found
    const counted = status.observedGeneration >= metadata.generation
    if (counted && status.numberReady >= status.desiredNumberScheduled) return { done: true, late: [] }
    const pods = await podsOf(labelSelector(found))
    return {
      done: false,
      late: pods.filter((pod) => !isReady(pod)).map((pod) => `${nodeOf(pod)}: ${stateOf(pod)}`),
    }
  })
}

/** An answer that fails is asked for again: API servers restart. */
async function until(check) {
  let late = []
  let problem
  while (Date.now() < deadline) {
    try {
      const state = await check()
      if (state.done) return console.log(`${command} ${name}: done on every node`)
      late = state.late
      problem = undefined
    } catch (error) {
      problem = error
    }
    await sleep(pollMs)
  }
  console.error(`${command} ${name}: not done within ${timeoutSeconds} s`)
  if (problem !== undefined) console.error(String(problem))
  for (const line of late) console.error(line)
  process.exit(1)
}

function isReady({ status }) {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false
}

function nodeOf({ spec, metadata }) {
  return spec.nodeName ?? `no node yet for ${metadata.name}`
}

function stateOf({ status = {} }) {
  // The kubelet that takes a pod notes when.
  if (status.startTime === undefined) return 'the node does not answer'
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
  const waiting = containers.find(
    ({ state }) => state?.waiting ?? (state?.terminated?.exitCode > 0 && state.terminated),
  )
  const reason = waiting?.state.waiting?.reason ?? waiting?.state.terminated?.reason
  return reason === undefined ? String(status.phase) : `${waiting.name}: ${reason}`
}

function labelSelector(found) {
  if (found === undefined) return undefined
  return Object.entries(found.spec.selector.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

async function podsOf(selector) {
  const query = new URLSearchParams({ labelSelector: selector, limit: '5000' })
  return (await call('GET', `/api/v1/namespaces/${namespace}/pods?${query}`)).items
}

/** The object that the API server answers with, undefined for a 404. */
function call(method, path) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const headers = {
    authorization: `Bearer ${readFileSync(`${account}/token`, 'utf8')}`,
    accept: 'application/json',
  }
  const ca = readFileSync(`${account}/ca.crt`)
  const signal = AbortSignal.timeout(requestTimeoutMs)
  const sent = request({ host, port, path, method, headers, ca, signal }, async (response) => {
    try {
      const text = Buffer.concat(await response.toArray()).toString()
      if (response.statusCode === 404) resolve(undefined)
      else if (response.statusCode < 300) resolve(JSON.parse(text))
      else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`))
    } catch (error) {
      reject(error)
    }
  })
  sent.once('error', reject).end()
  return promise
}
