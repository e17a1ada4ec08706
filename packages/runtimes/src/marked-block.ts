/**
 * Our part of a file that others edit too: whole lines between two markers. What had to give way stands inside,
 * each line behind `#was: `, and comes back when the block is cut.
 */
const begin = '# >>> shoal: written by "shoal install", removed by "shoal uninstall"'
const end = '# <<< shoal'
const kept = '#was: '

const block = /^# >>> shoal\b[^\n]*\n(?<inside>(?:(?!# <<< shoal)[^\n]*\n)*?)# <<< shoal[^\n]*(?:\n|$)/gm

export interface MarkedBlock {
  /** Whole lines, without the last line end. */
  readonly text: string
  /** Lines that the block takes the place of. */
  readonly replaces?: string
}

export function markedBlock({ text, replaces }: MarkedBlock): string {
  const was = replaces === undefined ? [] : replaces.split('\n').map((line) => `${kept}${line}`)
  return `${[begin, ...was, text, end].join('\n')}\n`
}

/** Puts a block before the line that starts at `offset`, or at the end. */
export function insertBlock(text: string, offset: number, inserted: MarkedBlock): string {
  const replaced = inserted.replaces === undefined ? 0 : inserted.replaces.length + 1
  const head = text.slice(0, offset)
  const lineEnd = head === '' || head.endsWith('\n') ? '' : '\n'
  return `${head}${lineEnd}${markedBlock(inserted)}${text.slice(offset + replaced)}`
}

/** The text without our blocks. */
export function cutBlocks(text: string): string {
  return text.replace(block, (_, inside: string) =>
    inside
      .split('\n')
      .filter((line) => line.startsWith(kept))
      .map((line) => `${line.slice(kept.length)}\n`)
      .join(''),
  )
}

export function hasBlock(text: string): boolean {
  return text.search(block) >= 0
}

/** Whether a file says nothing: no line but blank ones and comments. */
export function isBare(text: string): boolean {
  return text.split('\n').every((line) => /^\s*(?:#|$)/.test(line))
}
