import { debianRoot } from '../harness/debian-root.ts'
import { Sandbox } from '../harness/sandbox.ts'
import { type ClientHost, thisHost } from './client.ts'

/** Debians whose clients a suite runs. */
export type ClientRelease = 'bookworm' | 'trixie' | 'sid'

/** Those named in `SHOAL_RELEASES`, separated by spaces; this machine's alone when nobody asks for more. */
export const releasesOfClients: readonly ClientRelease[] = (['bookworm', 'trixie', 'sid'] as const).filter(
  (name) => (process.env.SHOAL_RELEASES ?? 'bookworm').split(/[\s,]+/).includes(name),
)

/**
 * A host with the clients of a release, in which nothing is left of pulls before.
 *
 * @param shared - a directory that this process and the host see in the same place
 */
export async function clientHost(
  release: ClientRelease,
  shared: string,
): Promise<ClientHost & AsyncDisposable> {
  if (release === 'bookworm') return { ...thisHost, async [Symbol.asyncDispose]() {} }
  const sandbox = await Sandbox.start(await debianRoot(release), shared)
  const { machine } = sandbox
  return {
    machine,
    path: (path) => sandbox.path(path),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  }
}
