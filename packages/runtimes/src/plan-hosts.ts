import { posix } from 'node:path'
import type { Change } from './change.ts'
import { RuntimesError } from './errors.ts'
import type { HostsDirectory, HostsRoot } from './host-state.ts'
import { addShim, readHostsToml } from './hosts-toml.ts'
import { cutBlocks } from './marked-block.ts'
import type { Finding, PlanOptions } from './plan.ts'

export interface HostsPlan {
  readonly changes: readonly Change[]
  readonly findings: readonly Finding[]
  /** One registry for each directory that decides over some. */
  readonly proves: readonly string[]
}

/** Any registry without a directory of its own; every node may pull from it. */
const anyRegistry = 'docker.io'
const fallback = '_default'

/**
 * Puts the shim into a directory of hosts.toml files. Every registry goes through `_default`, except those with a
 * directory of their own, which hides `_default`: the shim is put into each of these as well.
 */
export function planHosts(roots: readonly HostsRoot[], options: PlanOptions): HostsPlan {
  const target = targetOf(roots)
  const findings: Finding[] = []
  const changes: Change[] = []
  const proves: string[] = []
  if (target === undefined) return { changes, findings, proves }
  const there = roots.flatMap((root) => root.registries.map((directory) => ({ root, directory })))
  const named = options.registries?.map(directoryName)
  const wanted = named ?? [fallback]

  for (const { root, directory } of there) {
    if (named !== undefined && !named.includes(directory.name) && !named.includes(spelled(directory.name)))
      continue
    const outcome = intoDirectory(root, directory, options.shim)
    changes.push(...outcome.changes)
    findings.push(...outcome.findings)
    if (outcome.proves !== undefined) proves.push(outcome.proves)
  }
  const names = new Set(there.flatMap(({ directory }) => [directory.name, spelled(directory.name)]))
  for (const name of wanted.filter((name) => !names.has(name))) {
    if (!target.writable) {
      findings.push(readOnly(target.path))
      continue
    }
    const path = posix.join(target.path, name, 'hosts.toml')
    const reason =
      name === fallback ? 'every registry without a directory of its own' : `pulls from ${registryOf(name)}`
    changes.push({
      kind: 'write-file',
      path,
      text: addShim('', options.shim, path),
      edit: { kind: 'marked' },
      reason,
    })
    proves.push(registryOf(name))
  }
  return { changes, findings, proves: [...new Set(proves)] }
}

/**
 * A list is searched directory by directory, and `_default` counts in each: it has to stand in the last one that
 * has anything, or it would hide what comes after.
 */
export function targetOf(roots: readonly HostsRoot[]): HostsRoot | undefined {
  return roots.findLast(({ registries }) => registries.length > 0) ?? roots[0]
}

function intoDirectory(
  root: HostsRoot,
  { name, text }: HostsDirectory,
  shim: string,
): { changes: Change[]; findings: Finding[]; proves?: string } {
  const path = posix.join(root.path, name, 'hosts.toml')
  if (text === undefined)
    return { changes: [], findings: name === fallback ? [] : [ownCertificates(root, name)] }
  try {
    // Without what an earlier install put there, perhaps for a shim at another address.
    const theirs = cutBlocks(text)
    const { hosts, confused } = readHostsToml(theirs, path)
    const findings = confused.map((url) => plainHttpTls(path, url))
    const proves = registryOf(name)
    const wanted = hosts.includes(shim) ? theirs : addShim(theirs, shim, path)
    if (wanted === text) return { changes: [], findings, proves }
    if (!root.writable) return { changes: [], findings: [...findings, readOnly(path)] }
    const reason = `${name === fallback ? 'it decides over most registries' : 'it hides _default'}; its hosts stay, after the shim`
    const edit = { kind: 'marked' } as const
    const change = { kind: 'write-file', path, text: wanted, edit, reason } as const
    return { changes: [change], findings, proves }
  } catch (error) {
    if (!(error instanceof RuntimesError)) throw error
    const remedy = `mend ${path}, then run shoal install again`
    return {
      changes: [],
      findings: [{ level: 'warning', code: 'unreadable-file', what: error.message, remedy }],
    }
  }
}

/** `docker.io`; `registry.example_5000_` for `registry.example:5000`, as containerd looks for it first. */
function directoryName(registry: string): string {
  return registry.includes(':') ? `${registry.replace(':', '_')}_` : registry
}

/** The other spelling of a directory with a port. */
function spelled(name: string): string {
  return directoryName(name)
}

export function registryOf(directory: string): string {
  if (directory === fallback) return anyRegistry
  return directory.replace(/_(\d+)_$/, ':$1')
}

export function readOnly(path: string): Finding {
  return {
    level: 'blocked',
    code: 'read-only',
    what: `${path} can't be written: the file system is read-only, or permission is missing`,
    remedy:
      'run as root; in a container mount the directory writable; on an image-based host put the file into its build',
  }
}

function ownCertificates({ path }: HostsRoot, name: string): Finding {
  return {
    level: 'note',
    code: 'own-certificates',
    what: `${posix.join(path, name)} has certificates and no hosts.toml: pulls from ${registryOf(name)} stay direct`,
    remedy: `to share them, write a hosts.toml there with ca and the shim, and name the registry to the agent (--upstream)`,
  }
}

function plainHttpTls(path: string, url: string): Finding {
  return {
    level: 'warning',
    code: 'plain-http-tls',
    what: `${path}: ${url} has ca or skip_verify, so containerd tries TLS on it first`,
    remedy: 'remove ca and skip_verify from that host',
  }
}
