import type { Command } from 'commander'
import { version } from '../version.ts'

/** `shoal version` */
export function addVersionCommand(program: Command): void {
  program
    .command('version')
    .description('print the version of Shoal and of the Node.js that runs it')
    .action(() => {
      process.stdout.write(
        `shoal ${version}, node ${process.versions.node} (${process.platform}-${process.arch})\n`,
      )
    })
}
