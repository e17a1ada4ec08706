import { posix } from 'node:path'
import type { Change } from './change.ts'
import { RuntimesError } from './errors.ts'
import type { ContainersState } from './host-state.ts'
import { cutBlocks } from './marked-block.ts'
import type { Finding, PlanOptions, Probe, RuntimePlan } from './plan.ts'
import { readOnly } from './plan-hosts.ts'
import {
  addRegistryMirror,
  mirrorOf,
  newRegistriesConf,
  type RegistryTable,
  readRegistriesConf,
} from './registries-conf.ts'

/** containers/image has no "all registries": each has to be named. */
export const publicRegistries = [
  'docker.io',
  'ghcr.io',
  'quay.io',
  'registry.k8s.io',
  'gcr.io',
  'public.ecr.aws',
  'mcr.microsoft.com',
  'registry.gitlab.com',
  'nvcr.io',
]

/** Early in the alphabet: a table of the admin's for the same registry, later, takes the place of ours. */
export const dropInName = '000-shoal.conf'

interface Known extends RegistryTable {
  readonly file: { readonly path: string; readonly writable: boolean }
}

/** Points Podman, Buildah, Skopeo and CRI-O at the shim, for the system or for a user with files of their own. */
export function planContainers(state: ContainersState, options: PlanOptions): RuntimePlan {
  const { user, programs, reload } = state
  const plan: RuntimePlan = {
    runtime: `${programs.join('/')}${user === undefined ? '' : ` of ${user.name}`}`,
    version: undefined,
    changes: [],
    activations: [],
    findings: [],
    probe: probeOf(state),
    proves: [],
  }
  try {
    const { changes, findings: found, proves } = planFiles(state, options)
    const findings = probeOf(state) === undefined ? [...found, notServing()] : found
    const activations =
      changes.length === 0 ? [] : reload.map((process) => ({ kind: 'reload', ...process }) as const)
    return { ...plan, changes, findings, proves, activations }
  } catch (error) {
    if (!(error instanceof RuntimesError)) throw error
    const remedy = 'mend the file: until then these programs pull nothing'
    return { ...plan, findings: [{ level: 'blocked', code: 'unreadable-file', what: error.message, remedy }] }
  }
}

/** Undefined where only CRI-O reads the files, and is stopped: nothing is there to pull with. */
function probeOf({ programs, user, criSocket }: ContainersState): Probe | undefined {
  if (criSocket !== undefined) return { kind: 'cri', socket: criSocket }
  return programs.every((program) => program === 'cri-o') ? undefined : { kind: 'containers', user }
}

function notServing(): Finding {
  return {
    level: 'warning',
    code: 'not-serving',
    what: 'CRI-O is on this host and does not serve, so that no pull can be tried',
    remedy: 'start it, then run shoal install again; nothing to do if it was removed',
  }
}

function planFiles(state: ContainersState, { shim: url, registries = publicRegistries }: PlanOptions) {
  const shim = url.replace(/^https?:\/\//, '')
  const known = knownTables(state)
  const findings: Finding[] = []
  // Without what an earlier install put there, perhaps for a shim at another address.
  const texts = new Map(state.files.map(({ path, text }) => [path, cutBlocks(text)]))
  const edited = new Map<string, string[]>()
  // Backwards, since a table that is inserted moves what comes after.
  for (const table of [...known].sort((one, other) => other.index - one.index)) {
    if (!registries.some((registry) => isWithin(table.prefix, registry))) continue
    if (table.blocked) findings.push(blockedRegistry(table))
    if (table.blocked || table.mirrors.includes(mirrorOf(table.location, shim))) continue
    const { path, writable } = table.file
    if (!writable) {
      findings.push(readOnly(path))
      continue
    }
    texts.set(path, addRegistryMirror(texts.get(path) ?? '', table, { shim, path }))
    edited.set(path, [...(edited.get(path) ?? []), table.prefix])
  }
  const current = new Map(state.files.map(({ path, text }) => [path, text]))
  const isNew = ([path]: [string, unknown]) => texts.get(path) !== current.get(path)
  const changes: Change[] = [...edited].filter(isNew).map(([path, prefixes]) => ({
    kind: 'write-file',
    path,
    text: texts.get(path) ?? '',
    edit: { kind: 'marked' },
    reason: `it has a table for ${prefixes.join(', ')}, which hides ours; its mirrors stay, after the shim`,
    ...owned(state),
  }))
  const missing = registries.filter((registry) => !known.some(({ prefix }) => prefix === registry))
  const path = posix.join(state.dropIn.directory, dropInName)
  const text = missing.length === 0 ? undefined : newRegistriesConf(missing, shim)
  if (text !== undefined && text !== state.files.find((file) => file.path === path)?.text) {
    if (state.dropIn.writable) changes.push(dropIn(path, text, state))
    else findings.push(readOnly(path))
  }
  const open = registries.filter(
    (registry) => !known.some(({ prefix, blocked }) => prefix === registry && blocked),
  )
  return { changes, findings, proves: open.slice(0, 1) }
}

function dropIn(path: string, text: string, state: ContainersState): Change {
  const reason = 'registries that no other file speaks of'
  return { kind: 'write-file', path, text, edit: { kind: 'marked' }, reason, ...owned(state) }
}

function owned({ user }: ContainersState): { owner?: { uid: number; gid: number } } {
  return user === undefined ? {} : { owner: { uid: user.uid, gid: user.gid } }
}

/** The tables that count: of those with one prefix, the last. */
function knownTables({ files, dropIn: { directory } }: ContainersState): readonly Known[] {
  const tables = new Map<string, Known>()
  for (const { path, text, writable } of files.filter(
    (file) => file.path !== posix.join(directory, dropInName),
  )) {
    for (const table of readRegistriesConf(cutBlocks(text), path)) {
      tables.set(table.prefix, { ...table, file: { path, writable } })
    }
  }
  return [...tables.values()]
}

function isWithin(prefix: string, registry: string): boolean {
  return prefix === registry || prefix.startsWith(`${registry}/`)
}

function blockedRegistry({ prefix, file }: Known): Finding {
  return {
    level: 'note',
    code: 'blocked-registry',
    what: `${file.path} blocks ${prefix}; it stays blocked`,
    remedy: 'nothing to do, unless it should be open: then remove "blocked"',
  }
}
