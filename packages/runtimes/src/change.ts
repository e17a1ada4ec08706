/** How our part of a file can be found again after others have edited it. */
export type Edit =
  /** Between two marker lines, see `marked-block`. */
  | { readonly kind: 'marked' }
  /** One element of `registry-mirrors` in Docker's daemon.json. */
  | { readonly kind: 'mirror'; readonly url: string }

export interface WriteFile {
  readonly kind: 'write-file'
  readonly path: string
  readonly text: string
  readonly edit: Edit
  /** For a person: why the host needs it. */
  readonly reason: string
  /** Who gets a new file; a file that is there keeps its owner. @default root */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

export interface MakeSymlink {
  readonly kind: 'make-symlink'
  readonly path: string
  readonly target: string
  readonly reason: string
}

/** A change to the host's files. Directories on the way are made as needed. */
export type Change = WriteFile | MakeSymlink
