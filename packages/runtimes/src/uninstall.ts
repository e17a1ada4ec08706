import { hangUp, reloadDocker } from './activate.ts'
import { encodeOriginal, hashOf } from './apply.ts'
import { isSame, withExplicitMirrors } from './daemon-json.ts'
import { detectDocker } from './detect-docker.ts'
import { RuntimesError } from './errors.ts'
import type { Host } from './host.ts'
import type { FileEntry } from './journal.ts'
import { dropInName } from './plan-containers.ts'
import { listProcesses } from './processes.ts'
import { rollBack, type Undone } from './undo.ts'
import { undoText } from './undo-text.ts'

export interface UninstallReport {
  /** False when nothing was installed. */
  readonly installed: boolean
  readonly paths: readonly Undone[]
  /** What a person has to do still. */
  readonly warnings: readonly string[]
}

/** Gives the host back as it was; needs no agent. Run again it does what is left, or nothing. */
export async function releaseHost(host: Host): Promise<UninstallReport> {
  const journal = await host.journal.read()
  if (journal === undefined) return { installed: false, paths: [], warnings: [] }
  const warnings: string[] = []
  for (const entry of journal.entries) {
    if (entry.kind === 'file' && entry.edit.kind === 'mirror')
      warnings.push(...(await releaseDocker(host, entry)))
  }
  const paths = (await rollBack(host.files, host.journal)) ?? []
  if (
    journal.entries.some(({ path }) => path.endsWith(dropInName) || path.includes('/containers/registries'))
  ) {
    warnings.push(...(await reloadContainers(host)))
  }
  const left = paths.filter(({ outcome }) => outcome === 'left')
  warnings.push(
    ...left.map(({ path, why }) => `${path} is left as it is (${why}); run shoal uninstall again`),
  )
  return { installed: true, paths, warnings }
}

/**
 * dockerd takes a missing `registry-mirrors` for no change: the list has to be written out, empty if need be, for one
 * reload. Only then does the file get its original back.
 */
async function releaseDocker({ files, journal }: Host, { path, edit }: FileEntry): Promise<string[]> {
  if (edit.kind !== 'mirror') return []
  const docker = await detectDocker(files, () => {})
  const hasMirror = docker?.mirrors.some((mirror) => isSame(mirror, edit.url)) ?? false
  if (docker === undefined || !hasMirror) return []
  const keeps = `dockerd keeps the mirror ${edit.url} until it is restarted`
  if (docker.pid === undefined) return [`${keeps}: its process can't be seen from here`]
  try {
    const book = await journal.read()
    const entry = book?.entries.find((other) => other.path === path)
    const current = await files.snapshot(path)
    if (book === undefined || entry?.kind !== 'file' || current.kind !== 'file')
      return [`${keeps}: ${path} is gone`]
    const before =
      entry.before === null ? undefined : Buffer.from(entry.before.content, 'base64').toString('utf8')
    const isOurs = entry.written.includes(hashOf(current.content))
    const final = isOurs
      ? before
      : undoText(edit, { path, before, current: current.content.toString('utf8') })
    const interim = Buffer.from(withExplicitMirrors(final, path))
    entry.written.push(hashOf(interim))
    // Others have edited since: what goes back in the end is theirs.
    if (!isOurs)
      entry.before = final === undefined ? null : encodeOriginal({ ...current, content: Buffer.from(final) })
    await journal.write({ ...book, state: 'removing' })
    const { mode, uid, gid } = current
    await files.replace(path, { content: interim, mode, uid, gid })
    const isGone = (mirrors: readonly string[]) => !mirrors.some((mirror) => isSame(mirror, edit.url))
    await reloadDocker({ pid: docker.pid, socket: docker.socket, files }, isGone)
    return []
  } catch (error) {
    // A daemon that will not reload must not keep the files from going back.
    if (!(error instanceof RuntimesError)) throw error
    return [`${keeps}: ${error.message}`]
  }
}

/** CRI-O and Podman's server read their files again. */
async function reloadContainers({ files }: Host): Promise<string[]> {
  const warnings: string[] = []
  for (const { pid, argv } of await listProcesses(files.root, 'crio', 'podman')) {
    const isCrio = argv[0]?.endsWith('crio') === true
    if (!isCrio && !(argv.includes('system') && argv.includes('service'))) continue
    try {
      hangUp(pid, isCrio ? 'crio' : 'podman')
    } catch (error) {
      // The files are back: a server that can't be told must not make the uninstall fail.
      if (!(error instanceof RuntimesError)) throw error
      warnings.push(`${error.message}; it keeps the shim until it is reloaded`)
    }
  }
  return warnings
}
