import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { run } from './child.ts'
import { makeDirectory } from './fixture.ts'

/** A file system of its own, which goes with the process. Works for root and wherever users may have namespaces. */
const inSmallFileSystem = 'mount -t tmpfs -o size=64m shoal-test "$0" && exec "$@"'

const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', inSmallFileSystem, tmpdir(), 'true']).status === 0

/** The script checks for itself, and exits with another status when something was not as it should be. */
async function runScenario(
  t: ExecutionContext,
  scenario: string,
  prepare: string,
  unshared: string[],
): Promise<void> {
  const directory = await makeDirectory(t)
  const script = fileURLToPath(new URL('disk-full.script.ts', import.meta.url))
  const [command = '', ...args] = [...unshared, 'sh', '-c', prepare, directory]
  const child = run(t, command, [...args, process.execPath, script, directory, scenario])
  for await (const line of child.lines) t.log(line)
  t.is(await child.ended(), 0)
}

test('a file system that can not hold a file of this size is full for it, and for no other', async (t) => {
  await runScenario(t, 'file-too-large', 'ulimit -f 4000 && exec "$@"', [])
})

if (canMount) {
  for (const [scenario, title] of [
    ['blobs-full', 'a full disk fails the write, harms nothing, and writing works again when there is space'],
    ['room-made', 'a full disk makes the cache let go of what was used longest ago'],
    ['told-once', 'a disk without enough free space is told of once, and so is its recovery'],
    ['completion-full', 'a blob that could not complete on a full disk completes when there is space'],
    ['index-full', 'an index that ran out of space loses nothing of what it confirmed before and after'],
  ] as const) {
    test(title, (t) => runScenario(t, scenario, inSmallFileSystem, ['unshare', '-rm']))
  }
}
