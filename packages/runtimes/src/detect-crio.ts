import { posix } from 'node:path'
import type { HostFiles } from './host-files.ts'
import { flagValues, listProcesses, type Process } from './processes.ts'
import { parseToml, valueAt } from './toml-document.ts'

const defaultSocket = '/run/crio/crio.sock'
const mainFile = '/etc/crio/crio.conf'
const dropIns = '/etc/crio/crio.conf.d'

/** What shows of CRI-O on a host, of which perhaps only some directories are mounted. */
export interface CrioTraces {
  /** Its socket, when there is one. */
  readonly socket: string | undefined
  readonly pids: readonly number[]
  /** Whether it has a configuration. */
  readonly isConfigured: boolean
}

/** Looks for CRI-O by its processes, its socket and its configuration: its program need not be where we can see it. */
export async function detectCrio(files: HostFiles): Promise<CrioTraces> {
  const processes = await listProcesses(files.root, 'crio')
  const texts = await configuration(files)
  const listens = [...processes.flatMap(listenFlags), ...texts.flatMap(listenSetting), defaultSocket]
  let socket: string | undefined
  for (const listen of listens) {
    const path = await files.resolve(onRun(listen))
    if ((await files.snapshot(path)).kind === 'other') socket ??= path
  }
  return { socket, pids: processes.map(({ pid }) => pid), isConfigured: texts.length > 0 }
}

/** What counts comes first: a later drop-in takes the place of an earlier one. */
async function configuration(files: HostFiles): Promise<{ path: string; text: string }[]> {
  const names = (await files.list(dropIns)).map((name) => posix.join(dropIns, name))
  const found: { path: string; text: string }[] = []
  for (const path of [mainFile, ...names]) {
    const text = await files.readText(path)
    if (text !== undefined) found.unshift({ path, text })
  }
  return found
}

function listenFlags(process: Process): readonly string[] {
  return flagValues(process, '--listen')
}

function listenSetting({ path, text }: { path: string; text: string }): readonly string[] {
  const listen = valueAt(parseToml(text, path).value, 'crio', 'api', 'listen')
  return typeof listen === 'string' && listen !== '' ? [listen] : []
}

/** /var/run leads to /run on every host, but need not be there where only parts of one are mounted. */
function onRun(path: string): string {
  return path.replace(/^unix:\/\//, '').replace(/^\/var\/run\//, '/run/')
}
