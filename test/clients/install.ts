import { readFile } from 'node:fs/promises'
import { run } from '../harness/run.ts'

/** What the suite runs, by Debian package. */
const packages = [
  'containerd',
  'debootstrap',
  'docker-registry',
  'docker.io',
  'podman',
  'runc',
  'skopeo',
  'umoci',
]

const noninteractive = { DEBIAN_FRONTEND: 'noninteractive' }

/** Another apt may be at work when a machine has just come up: wait for it rather than fail. */
const patience = ['-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=300']

/** apt fetches some 150 MB, from a mirror that may be slow. */
const aptTimeoutMs = 540_000

/**
 * Installs the Debian packages that are missing. Their services may start where nothing forbids it; they do not
 * disturb, since every daemon of this suite has sockets and directories of its own.
 *
 * @throws when this is not Debian 12, when the user is not root, or when apt can't install the packages
 */
export async function installClients(): Promise<void> {
  await requireDebian()
  if (process.getuid?.() !== 0) throw new Error('npm run test:clients must run as root, as the runtimes do')
  const wanted = await missingPackages()
  if (wanted.length === 0) return
  // Some other source of this machine may be out of reach: what counts is whether the install works.
  const refreshed = await run('apt-get', ['update', ...patience], {
    env: noninteractive,
    timeoutMs: aptTimeoutMs,
  }).catch((error: Error) => error)
  try {
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...patience, ...wanted], {
      env: noninteractive,
      timeoutMs: aptTimeoutMs,
    })
  } catch (cause) {
    const update = refreshed instanceof Error ? `; before it, ${refreshed.message}` : ''
    throw new Error(`apt-get could not install ${wanted.join(' ')}${update}`, { cause })
  }
}

async function requireDebian(): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8')
  if (/^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release)) return
  const name = /^PRETTY_NAME="(.*)"$/m.exec(release)?.[1] ?? 'unknown'
  throw new Error(`npm run test:clients needs Debian 12 for its versions of the clients; this is ${name}`)
}

async function missingPackages(): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg's
  const installed = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n'])
  const present = new Set(
    installed
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return packages.filter((name) => !present.has(name))
}
