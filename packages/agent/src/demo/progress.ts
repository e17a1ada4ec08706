import { createLogUpdate } from 'log-update'
import { formatBytes, formatSeconds } from './format.ts'

/** Where the pulls' progress is shown. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  /** Height of the terminal. Some pretend to have none. */
  readonly rows?: number
  write(text: string): unknown
}

/** How far one node is. */
export interface NodeProgress {
  /** Of the image, in bytes. */
  readonly received: number
  /** Lost: its process ended. */
  readonly state: 'pulling' | 'ended' | 'lost'
  /** Of a pull that ended. */
  readonly seconds: number
  /** Why the pull failed. */
  readonly problem?: string | undefined
  /** How the process of a lost node ended. */
  readonly death?: { readonly how: string } | undefined
}

interface Row extends NodeProgress {
  readonly name: string
}

/** Often enough to look alive on a terminal; seldom enough not to flood a log. */
const barIntervalMs = 100
const lineIntervalMs = 1_000
const barCharacters = 32

/** Shows pulls while they run: a bar for each node on a terminal that is high enough, lines elsewhere. */
export class Progress {
  readonly #rows: Row[]
  readonly #imageBytes: number
  readonly #output: ProgressOutput
  readonly #draw: ReturnType<typeof createLogUpdate> | undefined
  readonly #timer: NodeJS.Timeout
  readonly #lastShown = new Map<string, number>()

  constructor(names: readonly string[], imageBytes: number, output: ProgressOutput & NodeJS.WritableStream) {
    this.#rows = names.map((name) => ({ name, received: 0, state: 'pulling', seconds: 0 }))
    this.#imageBytes = imageBytes
    this.#output = output
    const fits = (output.rows ?? 0) > names.length
    this.#draw = output.isTTY === true && fits ? createLogUpdate(output) : undefined
    this.#timer = setInterval(() => this.#tick(), this.#draw === undefined ? lineIntervalMs : barIntervalMs)
  }

  /** Takes note of how far a node is. Away from a terminal the end of a pull, and of a node, is a line at once. */
  show(index: number, { received, state, seconds, problem, death }: NodeProgress): void {
    const before = this.#rows[index]
    if (before === undefined) return
    const row = { name: before.name, received, state, seconds, problem, death }
    this.#rows[index] = row
    if (state !== before.state && this.#draw === undefined) this.#print(row)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#draw === undefined) return
    this.#tick()
    this.#draw.done()
  }

  #tick(): void {
    if (this.#draw !== undefined) {
      return this.#draw(this.#rows.map((row) => barOf(row, this.#imageBytes)).join('\n'))
    }
    for (const row of this.#rows) {
      if (row.state !== 'pulling' || this.#lastShown.get(row.name) === row.received) continue
      this.#lastShown.set(row.name, row.received)
      this.#print(row)
    }
  }

  #print(row: Row): void {
    const share = shareOf(row, this.#imageBytes)
    this.#output.write(`  ${row.name.padEnd(8)} ${percent(share)}  ${stateOf(row)}\n`)
  }
}

function barOf(row: Row, imageBytes: number): string {
  const share = shareOf(row, imageBytes)
  const filled = Math.floor(share * barCharacters)
  const bar = '█'.repeat(filled) + '░'.repeat(barCharacters - filled)
  return `  ${row.name.padEnd(8)} ${bar} ${percent(share)}  ${stateOf(row)}`
}

function shareOf({ received }: Row, imageBytes: number): number {
  return imageBytes === 0 ? 1 : Math.min(1, received / imageBytes)
}

function percent(share: number): string {
  return `${Math.floor(share * 100)
    .toString()
    .padStart(3)} %`
}

function stateOf({ received, state, seconds, problem, death }: Row): string {
  const bytes = formatBytes(received)
  if (state === 'pulling') return bytes
  if (state === 'lost') return `${bytes}, LOST: its process ${death?.how}`
  const how = problem === undefined ? 'every digest verified' : `FAILED: ${problem}`
  return `${bytes} in ${formatSeconds(seconds)}, ${how}`
}
