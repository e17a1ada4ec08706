import { posix } from 'node:path'
import { type CrioTraces, detectCrio } from './detect-crio.ts'
import type { HostFiles } from './host-files.ts'
import type { ContainersState } from './host-state.ts'
import { listProcesses } from './processes.ts'

const mainFile = '/etc/containers/registries.conf'
const dropIns = '/etc/containers/registries.conf.d'
const binaries = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/libexec/crio', '/opt/bin']
const names = { podman: 'podman', skopeo: 'skopeo', buildah: 'buildah', crio: 'cri-o' }

type User = NonNullable<ContainersState['user']>

/** What containers/image reads on this host: the system's files, and those of users who have some of their own. */
export async function detectContainers(
  files: HostFiles,
  unseen: (what: string, error: unknown) => void,
): Promise<readonly ContainersState[]> {
  const crio = await lookForCrio(files, unseen)
  const programs = await findPrograms(files)
  if (crio !== undefined && isThere(crio) && !programs.includes('cri-o')) programs.push('cri-o')
  if (programs.length === 0) return []
  const cliPrograms = programs.filter((program) => program !== 'cri-o')
  const states = [await systemState(programs, crio, files)]
  for (const user of cliPrograms.length === 0 ? [] : await usersWithFiles(files)) {
    states.push(await userState(user, cliPrograms, files))
  }
  return states
}

async function lookForCrio(
  files: HostFiles,
  unseen: (what: string, error: unknown) => void,
): Promise<CrioTraces | undefined> {
  try {
    return await detectCrio(files)
  } catch (error) {
    unseen('cri-o', error)
    return undefined
  }
}

/** In a container only some of the host's directories are there, and those of programs are not among them. */
function isThere({ socket, pids, isConfigured }: CrioTraces): boolean {
  return socket !== undefined || pids.length > 0 || isConfigured
}

async function findPrograms(files: HostFiles): Promise<string[]> {
  const found = []
  for (const [binary, program] of Object.entries(names)) {
    for (const directory of binaries) {
      const { kind } = await files.snapshotKind(await files.resolve(posix.join(directory, binary)))
      if (kind !== 'file') continue
      found.push(program)
      break
    }
  }
  return found
}

async function systemState(
  programs: readonly string[],
  crio: CrioTraces | undefined,
  files: HostFiles,
): Promise<ContainersState> {
  // Podman's API server reads the files once; its command line begins anew each time.
  const podman = (await listProcesses(files.root, 'podman')).filter(
    ({ argv }) => argv.includes('system') && argv.includes('service'),
  )
  return {
    user: undefined,
    programs,
    files: await readFiles(mainFile, dropIns, files),
    dropIn: { directory: dropIns, writable: await files.isWritable(posix.join(dropIns, 'x')) },
    reload: [
      ...(crio?.pids ?? []).map((pid) => ({ pid, program: 'crio' })),
      ...podman.map(({ pid }) => ({ pid, program: 'podman' })),
    ],
    criSocket: crio?.socket,
  }
}

async function userState(
  user: User,
  programs: readonly string[],
  files: HostFiles,
): Promise<ContainersState> {
  const directory = posix.join(user.home, '.config/containers/registries.conf.d')
  return {
    user,
    programs,
    files: await readFiles(userFile(user), directory, files),
    dropIn: { directory, writable: await files.isWritable(posix.join(directory, 'x')) },
    reload: [],
    criSocket: undefined,
  }
}

/** With a registries.conf of their own, the system's drop-ins do not count for them. */
async function usersWithFiles(files: HostFiles): Promise<User[]> {
  const lines = ((await files.readText('/etc/passwd')) ?? '').split('\n')
  const users: User[] = []
  for (const line of lines) {
    const [name = '', , uid, gid, , home = ''] = line.split(':')
    const user = { name, uid: Number(uid), gid: Number(gid), home }
    if (!home.startsWith('/') || home === '/' || !Number.isInteger(user.uid)) continue
    if ((await files.readText(userFile(user))) !== undefined) users.push(user)
  }
  return users
}

function userFile({ home }: User): string {
  return posix.join(home, '.config/containers/registries.conf')
}

/** The main file, then the drop-ins in the order of the alphabet. */
async function readFiles(
  main: string,
  directory: string,
  files: HostFiles,
): Promise<ContainersState['files']> {
  const inDirectory = (await files.list(directory)).filter((name) => name.endsWith('.conf'))
  const found = []
  for (const path of [main, ...inDirectory.map((name) => posix.join(directory, name))]) {
    const text = await files.readText(path)
    if (text !== undefined) found.push({ path, text, writable: await files.isWritable(path) })
  }
  return found
}
