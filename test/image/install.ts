import { run } from '../harness/run.ts'

/** What builds, looks at and runs the image, by Debian package. */
const packages = ['buildah', 'containerd', 'debootstrap', 'runc', 'systemd', 'umoci']
const aptTimeoutMs = 540_000

/**
 * Installs the Debian packages that are missing.
 *
 * @throws when the user is not root, or when apt can't install them
 */
export async function installBuilders(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('npm run test:image must run as root, to mount what it builds')
  const missing: string[] = []
  for (const name of packages) {
    const status = await run('dpkg-query', ['-W', '-f', '$' + '{db:Status-Status}', name]).catch(() => '')
    if (status !== 'installed') missing.push(name)
  }
  if (missing.length === 0) return
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Some other source of this machine may be out of reach: what counts is whether the install works.
  await run('apt-get', ['update'], { env, timeoutMs: aptTimeoutMs }).catch(() => '')
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], {
    env,
    timeoutMs: aptTimeoutMs,
  })
}
