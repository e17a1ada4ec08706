import { isDeepStrictEqual } from 'node:util'
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { RuntimesError } from './errors.ts'

const key = 'registry-mirrors'

/** Docker's daemon.json, as far as Shoal looks at it. */
export interface DaemonJson {
  readonly 'registry-mirrors'?: readonly string[]
  readonly [name: string]: unknown
}

/** @throws RuntimesError for what dockerd would refuse as well */
export function parseDaemonJson(text: string, path: string): DaemonJson {
  if (text.trim() === '') return {}
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { disallowComments: true })
  const [error] = errors
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split('\n').length
    const what = `${printParseErrorCode(error.error)} in line ${line}`
    throw new RuntimesError('unreadable-file', `${path} is not valid JSON (${what}); mend it first`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RuntimesError('unreadable-file', `${path} holds no JSON object; mend it first`)
  }
  const mirrors = (value as Record<string, unknown>)[key]
  if (
    mirrors !== undefined &&
    !(Array.isArray(mirrors) && mirrors.every((item) => typeof item === 'string'))
  ) {
    throw new RuntimesError('unreadable-file', `${path}: "${key}" is no list of strings; mend it first`)
  }
  return value as DaemonJson
}

/** The text with the mirror first in `registry-mirrors`; the rest stays as the admin wrote it. */
export function addMirror(text: string, mirror: string, path: string): string {
  const { [key]: mirrors = [] } = parseDaemonJson(text, path)
  return setMirrors(text, [mirror, ...mirrors.filter((other) => !isSame(other, mirror))])
}

/**
 * The text without the mirror. A list that is empty then goes, unless the original had one; so does an object.
 *
 * @param before - the original, undefined when there was none
 * @returns undefined when no file should be left
 */
export function removeMirror(
  text: string,
  mirror: string,
  { before, path }: { before: string | undefined; path: string },
): string | undefined {
  const { [key]: mirrors = [] } = parseDaemonJson(text, path)
  const rest = mirrors.filter((other) => !isSame(other, mirror))
  const original = before === undefined ? {} : parseDaemonJson(before, path)
  if (rest.length === mirrors.length) return text
  const listStays = rest.length > 0 || Object.hasOwn(original, key)
  const result = setMirrors(text, listStays ? rest : undefined)
  if (before !== undefined && isDeepStrictEqual(parseDaemonJson(result, path), original)) return before
  return before === undefined && Object.keys(parseDaemonJson(result, path)).length === 0 ? undefined : result
}

/** The text with the list spelt out, empty if need be: dockerd takes a list that is missing for no change. */
export function withExplicitMirrors(text: string | undefined, path: string): string {
  const { [key]: mirrors = [] } = parseDaemonJson(text ?? '', path)
  return setMirrors(text ?? '', [...mirrors])
}

/** dockerd prints mirrors with a slash at the end. */
export function isSame(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '')
}

function setMirrors(text: string, mirrors: readonly string[] | undefined): string {
  if (text.trim() === '') return `${JSON.stringify({ [key]: mirrors }, undefined, 2)}\n`
  const tabs = /^\t/m.test(text)
  const tabSize = /^( +)\S/m.exec(text)?.[1]?.length ?? 2
  const formattingOptions = { insertSpaces: !tabs, tabSize, eol: text.includes('\r\n') ? '\r\n' : '\n' }
  return applyEdits(text, modify(text, [key], mirrors, { formattingOptions }))
}
