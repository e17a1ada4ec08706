import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../harness/run.ts'

/** Whose a namespace is. A process id is used again some day; with the time of its start it is not. */
export interface Owner {
  readonly pid: number
  /** In the kernel's ticks since boot. */
  readonly startTicks: number
}

/** How often processes are killed before it is given up: each round catches what the one before has forked. */
const killRounds = 50
const killIntervalMs = 20

/** This process. */
export async function thisProcess(): Promise<Owner> {
  const startTicks = await startTicksOf(process.pid)
  if (startTicks === undefined) throw new Error('/proc does not know this process; is it mounted?')
  return { pid: process.pid, startTicks }
}

/**
 * The name of a host's network namespace, which tells whose it is: whoever finds it later can see whether the owner is
 * still there.
 *
 * @param testbed - tells the testbeds of one process apart
 */
export function namespaceName({ pid, startTicks }: Owner, testbed: number, host: string): string {
  return `shoal-${pid}-${startTicks.toString(36)}-${testbed}-${host}`
}

/** The owner that a namespace's name tells, or undefined if it is none of ours. */
export function ownerOf(namespace: string): Owner | undefined {
  const [, pid, ticks] = /^shoal-(\d+)-([0-9a-z]+)-\d+-./.exec(namespace) ?? []
  if (pid === undefined || ticks === undefined) return undefined
  return { pid: Number(pid), startTicks: Number.parseInt(ticks, 36) }
}

/** Removes the namespaces of testbeds whose process is dead, and ends what still runs in them. Returns their names. */
export async function removeStaleNamespaces(): Promise<string[]> {
  const names = (await run('ip', ['netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '')
  const stale: string[] = []
  for (const name of names) {
    const owner = ownerOf(name)
    if (owner !== undefined && (await startTicksOf(owner.pid)) !== owner.startTicks) stale.push(name)
  }
  for (const name of stale) await removeNamespace(name)
  return stale
}

/** Ends every process in a namespace and removes it, with its interfaces. Nothing happens if there is none. */
export async function removeNamespace(name: string): Promise<void> {
  await signalProcesses(name, 'SIGKILL')
  try {
    await run('ip', ['netns', 'delete', name])
  } catch (error) {
    // Another testbed that starts at the same time may have removed it.
    if (await namespaceExists(name)) throw error
  }
}

/** Process ids of what runs in a namespace; none if it does not exist. */
export async function processesIn(name: string): Promise<number[]> {
  try {
    const pids = await run('ip', ['netns', 'pids', name])
    return pids.split('\n').filter(Boolean).map(Number)
  } catch (error) {
    if (await namespaceExists(name)) throw error
    return []
  }
}

/**
 * Sends a signal to all processes in a namespace; with SIGKILL, until none is left.
 *
 * @throws when some outlive it
 */
export async function signalProcesses(
  name: string,
  signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL',
): Promise<void> {
  for (let round = 0; round < killRounds; round++) {
    const pids = await processesIn(name)
    for (const pid of pids) sendSignal(pid, signal)
    if (signal !== 'SIGKILL' || pids.length === 0) return
    await delay(killIntervalMs)
  }
  throw new Error(`processes in the namespace ${name} outlive SIGKILL: ${await processesIn(name)}`)
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function namespaceExists(name: string): Promise<boolean> {
  return (await run('ip', ['netns', 'list'])).split('\n').some((line) => line.split(' ')[0] === name)
}

/** When a process started; undefined if there is none with this id. */
async function startTicksOf(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything; the start is the 20th field after it.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
