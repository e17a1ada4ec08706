import { connect } from 'node:net'
import type { AgentClient } from './agent-client.ts'
import { hashOf } from './apply.ts'
import { detectHost } from './detect.ts'
import { RuntimesError } from './errors.ts'
import type { Host } from './host.ts'
import type { Journal, JournalEntry } from './journal.ts'
import type { Finding, PlanOptions } from './plan.ts'
import { planInstall } from './plan-install.ts'

const connectTimeoutMs = 3_000

/** A finding, and which runtime it is about; undefined when it is about the node. */
export interface Diagnosis extends Finding {
  readonly runtime?: string
}

/** Looks for what keeps pulls of this host from the shim. Changes nothing, pulls nothing. */
export async function diagnose(
  host: Host,
  { agent, ...options }: PlanOptions & { readonly agent: AgentClient },
): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = [...(await checkShim(options.shim)), ...(await checkAgent(agent))]
  const journal = await readJournal(host, found)
  if (journal !== undefined) found.push(...(await checkJournal(journal, host, options.shim)))
  const state = await detectHost(host.files, host.families)
  for (const plan of planInstall(state, options)) {
    const { runtime, findings, changes } = plan
    found.push(...findings.map((finding) => ({ runtime, ...finding })))
    if (findings.some(({ level }) => level === 'blocked')) continue
    for (const { path, reason } of changes)
      found.push({ runtime, ...missing(path, reason, journal !== undefined) })
  }
  found.push(...state.unseen.map(({ what, why }) => unseen(what, why)))
  return found
}

async function checkShim(shim: string): Promise<Diagnosis[]> {
  const { hostname, port } = new URL(shim)
  const isOpen = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(connectTimeoutMs, () => done(false))
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
  if (isOpen) return []
  const what = `nothing answers at the shim's address ${shim}: every pull goes to the registry`
  return [
    {
      level: 'warning',
      code: 'shim-down',
      what,
      remedy: 'start the agent, or give its address: --registry-listen',
    },
  ]
}

async function checkAgent(agent: AgentClient): Promise<Diagnosis[]> {
  try {
    await agent.canaries()
    return []
  } catch (error) {
    if (!(error instanceof RuntimesError)) throw error
    const remedy = 'start the agent, or give its admin address: --admin-listen'
    return [{ level: 'warning', code: 'agent-down', what: error.message, remedy }]
  }
}

async function readJournal(host: Host, found: Diagnosis[]): Promise<Journal | undefined> {
  try {
    return await host.journal.read()
  } catch (error) {
    if (!(error instanceof RuntimesError)) throw error
    const remedy = `keep ${host.journal.path} for its originals, move it away, and run shoal install again`
    found.push({ level: 'blocked', code: 'journal-damaged', what: error.message, remedy })
    return undefined
  }
}

async function checkJournal(journal: Journal, { files }: Host, shim: string): Promise<Diagnosis[]> {
  const found: Diagnosis[] = []
  if (journal.state !== 'installed') {
    const [what, remedy] =
      journal.state === 'installing'
        ? ['an install was interrupted midway', 'run shoal install again, or shoal uninstall']
        : ['an uninstall was interrupted midway', 'run shoal uninstall again']
    found.push({ level: 'warning', code: 'half-installed', what, remedy })
  }
  if (journal.shim !== shim) {
    const what = `this host was pointed at ${journal.shim}, the shim is at ${shim}`
    found.push({ level: 'warning', code: 'other-shim', what, remedy: 'run shoal install again' })
  }
  for (const entry of journal.entries) {
    if (await isChanged(entry, files)) found.push(changedSince(entry.path))
  }
  return found
}

async function isChanged(entry: JournalEntry, files: Host['files']): Promise<boolean> {
  if (entry.kind === 'directory') return false
  const current = await files.snapshot(entry.path)
  if (entry.kind === 'symlink') return current.kind !== 'symlink' || current.target !== entry.target
  return current.kind !== 'file' || !entry.written.includes(hashOf(current.content))
}

function changedSince(path: string): Finding {
  return {
    level: 'note',
    code: 'changed-since',
    what: `${path} was changed or removed by others since the install`,
    remedy: 'nothing to do: uninstall merges; if the shim is missing in it, run shoal install again',
  }
}

function missing(path: string, reason: string, isInstalled: boolean): Finding {
  return {
    level: 'warning',
    code: isInstalled ? 'hidden-default' : 'not-installed',
    what: `${path} does not name the shim (${reason})`,
    remedy: isInstalled ? 'run shoal install again' : 'run shoal install',
  }
}

function unseen(what: string, why: string): Finding {
  return {
    level: 'warning',
    code: 'not-inspected',
    what: `${what} is there and could not be asked: ${why}`,
    remedy: 'start it, or run as root, then ask again',
  }
}
