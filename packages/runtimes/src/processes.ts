import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { systemCode } from './host-files.ts'

export interface Process {
  readonly pid: number
  readonly argv: readonly string[]
}

/** The processes under `<root>/proc`, by the name of their program; none when that is not mounted. */
export async function listProcesses(root: string, ...programs: string[]): Promise<readonly Process[]> {
  const proc = join(root, 'proc')
  const names = await readdir(proc).catch(gone)
  const processes: Process[] = []
  for (const name of names ?? []) {
    if (!/^\d+$/.test(name)) continue
    const text = await readFile(join(proc, name, 'cmdline'), 'utf8').catch(gone)
    const argv = text?.split('\0').slice(0, -1) ?? []
    if (programs.includes(basename(argv[0] ?? ''))) processes.push({ pid: Number(name), argv })
  }
  return processes.sort((one, other) => one.pid - other.pid)
}

/** The values of a flag, in both spellings: `--name value` and `--name=value`. */
export function flagValues({ argv }: Process, ...names: string[]): readonly string[] {
  return argv.flatMap((argument, index) => {
    const [name = '', ...value] = argument.split('=')
    if (!names.includes(name)) return []
    return [value.length > 0 ? value.join('=') : (argv[index + 1] ?? '')]
  })
}

/** Processes end while they are being listed; some can't be looked at. */
function gone(error: unknown): undefined {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR'].includes(systemCode(error))) return undefined
  throw error
}
