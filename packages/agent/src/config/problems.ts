import { ShoalError } from '@shoal/content'
import type * as z from 'zod'
import { valueAt } from './layer.ts'
import { nearest } from './nearest.ts'

/** A value in an error line is cut here, so that a hostile or broken file can't fill the screen. */
const maxShownCharacters = 120

/** What a person configured can't be used. One readable line for each problem, all of them at once. */
export class ConfigurationError extends ShoalError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super('CONFIGURATION', problems.join('\n'), options)
    this.problems = problems
  }
}

/** The value as an error line shows it: on one line, bounded, without credentials. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = (JSON.stringify(value) ?? String(value)).replaceAll(/\/\/[^\s"]*@/g, '//***@')
  return json.length > maxShownCharacters ? `${json.slice(0, maxShownCharacters)}…` : json
}

export interface Wording {
  /** What was checked, to quote from. */
  readonly root: unknown
  /** How the person wrote a path: as a flag, a variable, or a place in a file. */
  nameOf(path: readonly string[]): string
  /** The keys that a section may have. */
  knownKeys(path: readonly string[]): string[]
}

/** Words the schema's issues, one line each. Their messages say what was expected. */
export function problemLines(issues: readonly z.core.$ZodIssue[], wording: Wording): string[] {
  const { root, nameOf, knownKeys } = wording
  return issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const name = nameOf([...path, key.slice(0, maxShownCharacters)])
        return `${name}: unknown key${suggestion(key, knownKeys(path))}`
      })
    }
    if (issue.code === 'invalid_key') {
      return [`${nameOf(path)}: got ${show(path.at(-1))}, expected ${issue.issues[0]?.message}`]
    }
    return [`${nameOf(path)}: got ${show(valueAt(root, path))}, expected ${issue.message}`]
  })
}

/** `; did you mean "x"?`, or what there is to choose from when nothing comes near. */
function suggestion(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates)
  if (meant !== undefined) return `; did you mean ${meant}?`
  return candidates.length === 0 ? '' : `, expected one of ${candidates.join(', ')}`
}
