import { randomBytes } from 'node:crypto'
import { access, link, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateClusterSecret } from '@shoal/swarm'
import { readSecretFile } from './config/text-file.ts'
import type { Logger } from './logging.ts'
import { readableFault, systemCodeOf } from './readable-fault.ts'
import { StartError } from './start-error.ts'

const fileName = 'cluster-secret'

/** The secret of a node that was not given one: made once, kept in the data directory. */
export async function ownClusterSecret(dataDir: string, log: Logger): Promise<string> {
  const file = join(dataDir, fileName)
  if (!(await exists(file))) await generate(file, log)
  const secret = await readSecretFile(file)
  if ('problem' in secret) throw new StartError(`the cluster secret of this node: ${secret.problem}`)
  return secret.text
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file)
    return true
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false
    throw new StartError(`can't read the cluster secret ${file}: ${readableFault(error)}`, { cause: error })
  }
}

/** As whom the process runs, and where systemd keeps its credentials. */
const thisProcess = {
  user: process.getuid?.(),
  group: process.getgid?.(),
  credentials: process.env.CREDENTIALS_DIRECTORY,
}

/**
 * Warns of a secret that other users of the machine can read. Where it belongs to another user and to the group that
 * this process runs as, that group is how it gets here: Kubernetes mounts a Secret so. A credential of systemd's is in a
 * directory that nobody else may enter; since version 257 an access list lets the service read it, whose mask looks like
 * a right of its group.
 */
export async function warnOfReadableSecret(file: string, log: Logger, own = thisProcess): Promise<void> {
  const { mode, uid, gid } = await stat(file)
  const byGroup = dirname(file) === own.credentials || (uid !== own.user && gid === own.group)
  const others = byGroup ? 0o037 : 0o077
  if ((mode & others) !== 0) log.warn({ file }, 'other users can read the cluster secret; chmod 600 it')
}

/** Written beside and linked into place, so that neither a crash nor a second agent leaves half a secret. */
async function generate(file: string, log: Logger): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, `${generateClusterSecret()}\n`, {
      mode: 0o600,
      flush: true,
    })
    await link(draft, file)
  } catch (error) {
    throw new StartError(`can't write the cluster secret ${file}: ${readableFault(error)}`, { cause: error })
  } finally {
    await rm(draft, { force: true })
  }
  log.info(
    { file },
    'made a cluster secret; copy this file to the other nodes and name it there with --cluster-secret-file',
  )
}
