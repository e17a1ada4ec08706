import { debianRoot } from '../harness/debian-root.ts'
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
