import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What one runtime did from install to uninstall. */
export interface Row {
  readonly release: string
  readonly runtime: string
  readonly version: string
  /** Files that the install wrote. */
  readonly changed: number
  readonly canary: boolean
  readonly pull: boolean
  /** Lines of a listing of /etc that differ after the uninstall. */
  readonly etcDifference: readonly string[]
  readonly samePid: boolean
  /** Of the process id before, during and after. */
  readonly process: 'the same' | 'no daemon' | 'restarted once, as allowed'
  /** Whether the daemon that runs has forgotten the shim. */
  readonly released: boolean
}

const page = fileURLToPath(new URL('../../docs/install.md', import.meta.url))
const begin = '<!-- table: npm run test:install -->'
const end = '<!-- end of table -->'

/** Writes the table into docs/install.md, when `SHOAL_WRITE_TABLE` asks for it. */
export async function writeTable(rows: readonly Row[]): Promise<void> {
  if (process.env.SHOAL_WRITE_TABLE === undefined || rows.length === 0) return
  const text = await readFile(page, 'utf8')
  const [head = '', rest = ''] = text.split(begin)
  await writeFile(page, `${head}${begin}\n${format(rows)}\n${end}${rest.split(end)[1] ?? ''}`)
}

function format(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ release, runtime, version, changed, canary, pull, etcDifference, samePid, process }) => {
      const pid = samePid ? process : '**another**'
      return `| ${[release, runtime, version, changed, yes(canary), yes(pull), etcDifference.length, pid].join(' | ')} |`
    },
  )
  const names = [
    'Debian',
    'runtime',
    'version',
    'files written',
    'canary seen',
    'real pull seen',
    '/etc differs, lines',
    'process',
  ]
  return [`| ${names.join(' | ')} |`, `|${names.map(() => '---').join('|')}|`, ...lines].join('\n')
}

function yes(fact: boolean): string {
  return fact ? 'yes' : '**no**'
}
