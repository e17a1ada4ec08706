import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { run } from '../../harness/run.ts'

/** The machine and the versions of the programs, for whoever compares figures. */
export async function describeMachine(directory: string): Promise<string> {
  const [cpu] = os.cpus()
  const system = /^PRETTY_NAME="(.*)"$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1]
  const fileSystem = (await run('stat', ['--file-system', '--format', '%T', directory])).trim()
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg's
  const format = '${Package} ${Version}\\n'
  const packages = ['aria2', 'containerd', 'docker-registry', 'opentracker']
  const versions = (await run('dpkg-query', ['-W', '-f', format, ...packages])).trim().split('\n')
  return [
    `${os.availableParallelism()} cores (${cpu?.model}), ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `${system}, Linux ${os.release()}, files on ${fileSystem}`,
    `Node.js ${process.version}`,
    ...versions,
  ].join('; ')
}
