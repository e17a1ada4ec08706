import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** How a socket is reached, whatever the length of its path: the system takes 107 bytes. */
export interface SocketPath {
  readonly path: string
  close(): Promise<void>
}

const socketName = 'agent.sock'

/** A new place for the socket of the agent that has the data directory, which only its user can reach. */
export async function makeControlSocket(dataDir: string): Promise<SocketPath> {
  const directory = directoryOf(dataDir)
  await mkdir(directory, { mode: 0o700, recursive: true })
  // Of an agent that was killed: the data directory is ours, so nobody listens on it.
  await rm(join(directory, socketName), { force: true })
  return socketIn(directory)
}

/** @throws the system's ENOENT when no agent of today has used the data directory */
export function findControlSocket(dataDir: string): Promise<SocketPath> {
  return socketIn(directoryOf(dataDir))
}

async function socketIn(directory: string): Promise<SocketPath> {
  const handle = await open(directory, 'r')
  return { path: `/proc/self/fd/${handle.fd}/${socketName}`, close: () => handle.close() }
}

function directoryOf(dataDir: string): string {
  return join(dataDir, 'control')
}
