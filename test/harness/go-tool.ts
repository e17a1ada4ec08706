import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

/** What can be had as Go modules, and where in `go-tools/` its versions are kept. */
const packages = {
  helm: { module: 'helm', path: 'helm.sh/helm/v3/cmd/helm' },
  etcd: { module: 'etcd', path: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { module: 'kubernetes', path: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-controller-manager': { module: 'kubernetes', path: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  containerd: { module: 'containerd', path: 'github.com/containerd/containerd/v2/cmd/containerd' },
  // Without what needs C libraries: signatures by GPG, and file systems that no test is on.
  crio: {
    module: 'crio',
    path: 'github.com/cri-o/cri-o/cmd/crio',
    tags: ['containers_image_openpgp', 'exclude_graphdriver_btrfs'],
  },
  'kube-scheduler': { module: 'kubernetes', path: 'k8s.io/kubernetes/cmd/kube-scheduler' },
} as const

interface GoPackage {
  readonly module: string
  readonly path: string
  readonly tags?: readonly string[]
}

export type GoTool = keyof typeof packages

/** Either the program, or why this machine can't have it. */
export type ToolOrReason = { readonly file: string } | { readonly unavailable: string }

/** kube-apiserver is 1,600 packages: minutes on a few idle cores, many on busy ones. */
const buildTimeoutMs = 2_400_000
const downloadTimeoutMs = 300_000

/**
 * Builds a program from its Go module, in the versions of `go-tools/<module>/go.sum`. It is kept in the machine's cache
 * directory (`$XDG_CACHE_HOME/shoal-test`, or `/var/cache/shoal-test`).
 *
 * @throws when the modules are there and don't compile
 */
export async function goTool(name: GoTool): Promise<ToolOrReason> {
  const { module, path, tags = [] }: GoPackage = packages[name]
  const directory = fileURLToPath(new URL(`go-tools/${module}/`, import.meta.url))
  const sums = await readFile(join(directory, 'go.sum'))
  const key = createHash('sha256').update(sums).digest('hex').slice(0, 12)
  const cache = join(process.env.XDG_CACHE_HOME ?? '/var/cache', 'shoal-test', `go-${module}-${key}`)
  const file = join(cache, name)
  if (await exists(file)) return { file }

  const unavailable = await whyNot(directory)
  if (unavailable !== undefined) return { unavailable: `${name}: ${unavailable}` }
  await mkdir(cache, { recursive: true })
  const draft = `${file}.${process.pid}`
  const flags = ['-trimpath', '-tags', tags.join(','), '-ldflags', `-s -w ${await versionFlags(directory)}`]
  await execa('go', ['build', ...flags, '-o', draft, path], {
    cwd: directory,
    timeout: buildTimeoutMs,
    stdin: 'ignore',
  })
  await rename(draft, file)
  return { file }
}

async function whyNot(directory: string): Promise<string | undefined> {
  const download = await execa('go', ['mod', 'download'], {
    cwd: directory,
    reject: false,
    timeout: downloadTimeoutMs,
    stdin: 'ignore',
  })
  if (download.code === 'ENOENT') return 'Go is not installed'
  if (download.failed) return `its Go modules can't be had here: ${download.stderr.trim().split('\n').at(-1)}`
  return undefined
}

/** Kubernetes' programs learn their version from the linker; without it they take themselves for v0.0.0. */
async function versionFlags(directory: string): Promise<string> {
  const text = await readFile(join(directory, 'go.mod'), 'utf8')
  const [, version, major, minor] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(text) ?? []
  if (version === undefined) return ''
  const flags = { gitVersion: version, gitMajor: major, gitMinor: minor }
  return Object.entries(flags)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ')
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // the question was whether it can be used
  }
}
