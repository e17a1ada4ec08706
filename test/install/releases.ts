import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../harness/run.ts'
import {
  containerd,
  containerdByDefault,
  containerdUnset,
  containerdWithList,
  crio,
  docker,
  dockerWithContainerd,
  type HostRuntime,
  podman,
} from './runtimes.ts'

/** A Debian and the runtimes that it offers; `upstream` is this machine's, with those that no Debian has yet. */
export interface Release {
  readonly name: string
  readonly runtimes: readonly HostRuntime[]
  /** Its root directory; made the first time, which takes minutes. */
  root(): Promise<string>
}

const packages = ['containerd', 'docker.io', 'podman', 'skopeo', 'runc', 'crun', 'procps', 'iptables']
const makeTimeoutMs = 1_500_000

const everywhere = [containerd, containerdUnset, containerdWithList, docker, podman]

const all: readonly Release[] = [
  { name: 'bookworm', runtimes: everywhere, root: async () => '/' },
  { name: 'trixie', runtimes: everywhere, root: () => debianRoot('trixie') },
  { name: 'sid', runtimes: [...everywhere, dockerWithContainerd], root: () => debianRoot('sid') },
  { name: 'upstream', runtimes: [containerdByDefault, crio], root: async () => '/' },
]

/** Those named in `SHOAL_RELEASES`, separated by spaces; this machine's alone when nobody asks for more. */
export function releases(): readonly Release[] {
  const wanted = (process.env.SHOAL_RELEASES ?? 'bookworm').split(/[\s,]+/)
  return all.filter(({ name }) => wanted.includes(name))
}

/** A root directory with the runtimes, kept in the machine's cache directory. */
async function debianRoot(suite: string): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? '/var/cache', 'shoal-test')
  const root = join(cache, `host-${suite}-1`)
  const isThere = await stat(root).then(
    () => true,
    () => false,
  )
  if (isThere) return root
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'building-'))
  try {
    const made = join(work, 'root')
    const options = { timeoutMs: makeTimeoutMs, env: { DEBIAN_FRONTEND: 'noninteractive' } }
    await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, made], options)
    const lenient = ['-o', 'Acquire::Check-Valid-Until=false', '-o', 'Acquire::Retries=3']
    // Services must not start in there.
    await run('sh', [
      '-c',
      `printf '#!/bin/sh\\nexit 101\\n' > ${made}/usr/sbin/policy-rc.d; chmod 755 ${made}/usr/sbin/policy-rc.d`,
    ])
    await run('chroot', [made, 'apt-get', 'update', ...lenient], options)
    await run(
      'chroot',
      [made, 'apt-get', 'install', '-y', '--no-install-recommends', ...lenient, ...packages],
      options,
    )
    await run('chroot', [made, 'apt-get', 'clean'])
    await rename(made, root)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return root
}
