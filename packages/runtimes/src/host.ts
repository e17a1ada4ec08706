import type { RuntimeFamily } from './detect.ts'
import { HostFiles } from './host-files.ts'
import { JournalFile } from './journal.ts'

/** A host to install on, and the agent that it is to pull through. */
export interface Host {
  readonly files: HostFiles
  readonly journal: JournalFile
  readonly families: readonly RuntimeFamily[] | undefined
  readonly restartCommand: string | undefined
}

export interface HostInit {
  /** Where the host's root directory is. @default / */
  readonly root?: string | undefined
  /** Where the host keeps the journal. @default /var/lib/shoal/install */
  readonly stateDir?: string | undefined
  /** @default all */
  readonly families?: readonly RuntimeFamily[] | undefined
  /** Restarts the unit `$1`. @default systemctl restart */
  readonly restartCommand?: string | undefined
}

export function openHost({ root, stateDir, families, restartCommand }: HostInit = {}): Host {
  const files = new HostFiles(root)
  return { files, journal: new JournalFile(files, stateDir), families, restartCommand }
}
