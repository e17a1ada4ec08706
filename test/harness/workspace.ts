import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.ts'

/** A temporary directory in which runtimes keep their state. When it goes, what they mounted in it goes too. */
export class Workspace implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @param name - short: the path of a Unix socket has room for 107 bytes */
  static async create(name: string): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(tmpdir(), `shoal-${name}-`)))
  }

  /** Makes a directory in the workspace. */
  async directory(name: string): Promise<string> {
    const path = join(this.path, name)
    await mkdir(path)
    return path
  }

  /** Makes a workspace in this one, which can go before it. */
  async temporary(name: string): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(this.path, `${name}-`)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.path)
  }
}

/** Removes a directory after unmounting all that is mounted in it, which must not be emptied by the removal. */
export async function removeTree(path: string): Promise<void> {
  for (const mountPoint of (await mountsBelow(path)).reverse()) await run('umount', [mountPoint])
  await rm(path, { recursive: true, force: true })
}

/** In the order in which they were mounted. */
async function mountsBelow(path: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return table
    .split('\n')
    .map((line) => decodeOctal(line.split(' ')[4] ?? ''))
    .filter((mountPoint) => mountPoint.startsWith(`${path}/`))
}

/** The kernel writes space, tab, newline and backslash as octal numbers. */
function decodeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
