import { type AST, getStaticTOMLValue, parseTOML } from 'toml-eslint-parser'
import { RuntimesError } from './errors.ts'

export type TomlValue = Record<string, unknown>

/** A table as it stands in the text. */
export interface TableSpan {
  /** Names from the top, numbers for the elements of arrays of tables. */
  readonly key: readonly (string | number)[]
  /** Offset of the line of its header, or of the comments right above it. */
  readonly start: number
  /** Offset of the first line after its header. */
  readonly bodyStart: number
  /** Offset where the next table's lines start, or the end of the text. */
  readonly end: number
  /** Its keys and their lines. */
  readonly lines: readonly { readonly name: string; readonly start: number; readonly end: number }[]
}

export interface TomlDocument {
  readonly value: TomlValue
  readonly tables: readonly TableSpan[]
}

/** @throws RuntimesError with the line that is wrong */
export function parseToml(text: string, path: string): TomlDocument {
  let program: AST.TOMLProgram
  try {
    program = parseTOML(text, { tomlVersion: '1.0' })
  } catch (cause) {
    const line = cause instanceof Error && 'lineNumber' in cause ? ` in line ${cause.lineNumber}` : ''
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new RuntimesError('unreadable-file', `${path} is not valid TOML (${what}${line}); mend it first`, {
      cause,
    })
  }
  const headers = program.body[0].body.filter((node) => node.type === 'TOMLTable')
  const starts = headers.map((table) => startWithComments(text, table.range[0]))
  const tables = headers.map((table, index): TableSpan => {
    const bodyStart = lineAfter(text, table.key.range[1])
    return {
      key: table.resolvedKey,
      start: starts[index] as number,
      bodyStart,
      end: starts[index + 1] ?? text.length,
      lines: table.body.map((pair) => ({
        name: String(getStaticTOMLValue(pair.key)),
        start: lineStart(text, pair.range[0]),
        end: lineAfter(text, pair.range[1]),
      })),
    }
  })
  return { value: getStaticTOMLValue(program) as TomlValue, tables }
}

/** The value at a path of names; undefined when something on the way is no table. */
export function valueAt(value: unknown, ...names: readonly string[]): unknown {
  let at = value
  for (const name of names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as TomlValue)[name]
  }
  return at
}

/** A basic string: JSON's escapes are TOML's. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

function lineAfter(text: string, offset: number): number {
  const lineEnd = text.indexOf('\n', offset)
  return lineEnd < 0 ? text.length : lineEnd + 1
}

/** Comments right above a header belong to it. */
function startWithComments(text: string, offset: number): number {
  let start = lineStart(text, offset)
  while (start > 0) {
    const above = lineStart(text, start - 1)
    if (!/^[ \t]*#/.test(text.slice(above, start))) return start
    start = above
  }
  return start
}
