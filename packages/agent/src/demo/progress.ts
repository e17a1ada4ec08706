import { createLogUpdate } from 'log-update'
import { formatBytes, formatSeconds } from './format.ts'

/** Where the pulls' progress is shown. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  /** Height of the terminal. Some pretend to have none. */
  readonly rows?: number
  write(text: string): unknown
}

export interface NodeProgress {
  readonly name: string
  /** Of the image, in bytes. */
  received: number
  /** Set when the pull ended. */
  ended?: { readonly seconds: number; readonly problem?: string }
}

/** Often enough to look alive on a terminal; seldom enough not to flood a log. */
const barIntervalMs = 100
const lineIntervalMs = 1_000
const barCharacters = 32

/** Shows pulls while they run: a bar for each node on a terminal that is high enough, lines elsewhere. */
export class Progress {
  readonly #nodes: readonly NodeProgress[]
  readonly #imageBytes: number
  readonly #output: ProgressOutput
  readonly #draw: ReturnType<typeof createLogUpdate> | undefined
  readonly #timer: NodeJS.Timeout
  readonly #lastShown = new Map<NodeProgress, number>()

  constructor(names: readonly string[], imageBytes: number, output: ProgressOutput & NodeJS.WritableStream) {
    this.#nodes = names.map((name) => ({ name, received: 0 }))
    this.#imageBytes = imageBytes
    this.#output = output
    const fits = (output.rows ?? 0) > names.length
    this.#draw = output.isTTY === true && fits ? createLogUpdate(output) : undefined
    this.#timer = setInterval(() => this.#show(), this.#draw === undefined ? lineIntervalMs : barIntervalMs)
  }

  received(index: number, bytes: number): void {
    const node = this.#nodes[index]
    if (node !== undefined) node.received += bytes
  }

  ended(index: number, seconds: number, problem?: string): void {
    const node = this.#nodes[index]
    if (node === undefined) return
    node.ended = problem === undefined ? { seconds } : { seconds, problem }
    if (this.#draw === undefined) this.#output.write(`${lineOf(node, this.#imageBytes)}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#draw === undefined) return
    this.#show()
    this.#draw.done()
  }

  #show(): void {
    if (this.#draw !== undefined) {
      return this.#draw(this.#nodes.map((node) => barOf(node, this.#imageBytes)).join('\n'))
    }
    for (const node of this.#nodes) {
      if (node.ended !== undefined || this.#lastShown.get(node) === node.received) continue
      this.#lastShown.set(node, node.received)
      this.#output.write(`${lineOf(node, this.#imageBytes)}\n`)
    }
  }
}

function barOf(node: NodeProgress, imageBytes: number): string {
  const share = imageBytes === 0 ? 1 : Math.min(1, node.received / imageBytes)
  const filled = Math.floor(share * barCharacters)
  const bar = '█'.repeat(filled) + '░'.repeat(barCharacters - filled)
  return `  ${node.name.padEnd(8)} ${bar} ${percent(share)}  ${stateOf(node)}`
}

function lineOf(node: NodeProgress, imageBytes: number): string {
  const share = imageBytes === 0 ? 1 : Math.min(1, node.received / imageBytes)
  return `  ${node.name.padEnd(8)} ${percent(share)}  ${stateOf(node)}`
}

function percent(share: number): string {
  return `${Math.floor(share * 100)
    .toString()
    .padStart(3)} %`
}

function stateOf({ received, ended }: NodeProgress): string {
  if (ended === undefined) return formatBytes(received)
  const how = ended.problem === undefined ? 'every digest verified' : `FAILED: ${ended.problem}`
  return `${formatBytes(received)} in ${formatSeconds(ended.seconds)}, ${how}`
}
