import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { type Architecture, architectureOf, bundle, sourceEpoch } from './bundle.ts'

/** The agent, the socket that outlives it, and what starts it again when it was given up. */
export const unitFiles = ['shoal.service', 'shoal.socket', 'shoal-retry.timer'] as const

/** `tar -C / -xzf` installs it; nothing that is there is replaced but Shoal itself. */
export async function writeTarball(init: {
  readonly architecture: Architecture
  /** The directory that gets `shoal-<version>-linux-<architecture>.tar.gz`. */
  readonly directory: string
}): Promise<{ readonly file: string; readonly sha256: string; readonly bytes: number }> {
  const { architecture, directory } = init
  const { version } = JSON.parse(
    await readFile(join(import.meta.dirname, '../packages/agent/package.json'), 'utf8'),
  )
  const epoch = await sourceEpoch()
  const root = await mkdtemp(join(tmpdir(), 'shoal-tarball-'))
  try {
    const opt = join(root, 'opt/shoal')
    await bundle({ architecture, out: opt, epoch })
    await cp(join(import.meta.dirname, 'config.yaml'), join(opt, 'config.yaml'))
    const units = join(root, 'etc/systemd/system')
    await mkdir(units, { recursive: true })
    for (const unit of unitFiles) await cp(join(import.meta.dirname, unit), join(units, unit))
    const bin = join(root, 'usr/local/bin')
    await mkdir(bin, { recursive: true })
    await symlink('/opt/shoal/bin/shoal', join(bin, 'shoal'))

    const file = resolve(directory, `shoal-${version}-linux-${architecture}.tar.gz`)
    await mkdir(resolve(directory), { recursive: true })
    await execa('tar', [
      ...['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`],
      ...['--mode=u=rwX,go=rX', '--format=gnu', '--use-compress-program=gzip -n -9', '-C', root, '-cf', file],
      // Not the directories above: their modes are the host's business.
      ...['opt/shoal', ...unitFiles.map((unit) => `etc/systemd/system/${unit}`), 'usr/local/bin/shoal'],
    ])
    const content = await readFile(file)
    return { file, sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { arch: { type: 'string' }, out: { type: 'string', default: '.' } },
  })
  const written = await writeTarball({ architecture: architectureOf(values.arch), directory: values.out })
  process.stdout.write(`${written.sha256}  ${written.file}\n`)
}
