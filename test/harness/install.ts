import { readFile } from 'node:fs/promises'
import { run } from './run.ts'

const noninteractive = { DEBIAN_FRONTEND: 'noninteractive' }

/** Another apt may be at work when a machine has just come up: wait for it rather than fail. */
const patience = ['-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=300']

/** apt fetches some 150 MB, from a mirror that may be slow. */
const aptTimeoutMs = 540_000

/**
 * Installs the Debian packages that are missing. Their services may start where nothing forbids it; they do not
 * disturb, since every daemon that the suites start has sockets and directories of its own.
 *
 * @param command - what needs them, for messages
 * @throws when this is not Debian 12, when the user is not root, or when apt can't install the packages
 */
export async function installPackages(packages: readonly string[], command: string): Promise<void> {
  await requireDebian(command)
  if (process.getuid?.() !== 0) throw new Error(`${command} must run as root, as the runtimes do`)
  const wanted = await missing(packages)
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

async function requireDebian(command: string): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8')
  if (/^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release)) return
  const name = /^PRETTY_NAME="(.*)"$/m.exec(release)?.[1] ?? 'unknown'
  throw new Error(`${command} needs Debian 12 for its versions of the clients; this is ${name}`)
}

async function missing(packages: readonly string[]): Promise<string[]> {
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
