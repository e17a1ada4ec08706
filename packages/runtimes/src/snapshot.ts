/** What is at a path, in all that an uninstall gives back. Times are nanoseconds since the epoch. */
export type Snapshot =
  | FileSnapshot
  | DirectorySnapshot
  | SymlinkSnapshot
  | { readonly kind: 'absent' }
  /** A device, a socket, a pipe. */
  | { readonly kind: 'other' }

export interface Times {
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
}

export interface Ownership {
  /** Permission bits, setuid and the like included. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface FileSnapshot extends Times, Ownership {
  readonly kind: 'file'
  readonly content: Buffer
}

export interface DirectorySnapshot extends Times, Ownership {
  readonly kind: 'directory'
  /** Sorted. */
  readonly names: readonly string[]
}

export interface SymlinkSnapshot {
  readonly kind: 'symlink'
  readonly target: string
}
