/**
 * Kills a cache under load, again and again, and looks after each restart at what is left. Ends with status 1 when
 * something was lost, leaked or wrong.
 *
 * node crash.ts [--rounds <n>] [--seed <n>] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CrashRounds } from './crash-rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
})
const directory = await mkdtemp(join(tmpdir(), 'shoal-crash-'))
const crashes = new CrashRounds(join(directory, 'data'), Number(values.seed))
const { figures, findings } = crashes
const told = 20
try {
  await crashes.prepare()
  for (let round = 1; round <= Number(values.rounds); round++) {
    await crashes.round()
    if (round % told === 0) process.stderr.write(`${round} rounds, ${findings.length} findings\n`)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
for (const finding of findings) process.stdout.write(`${finding}\n`)
process.stdout.write(
  [
    `seed             ${values.seed}`,
    `rounds           ${figures.rounds}`,
    `kills            ${figures.kills}`,
    `blobs checked    ${figures.blobsChecked}`,
    `chunks checked   ${figures.chunksChecked}`,
    `losses           ${figures.losses}`,
    `served wrong     ${figures.wrong}`,
    `leaks            ${figures.leaks}`,
    '',
  ].join('\n'),
)
if (values.json) process.stdout.write(`${JSON.stringify({ seed: Number(values.seed), ...figures })}\n`)
process.exitCode = findings.length === 0 ? 0 : 1
