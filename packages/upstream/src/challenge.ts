/** One way in, as a `WWW-Authenticate` header offers it (RFC 9110, section 11). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** Names in lower case; the first of a repeated name counts. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Real ones are under 300 characters; scopes of many repositories make them longer. */
const maxHeaderLength = 8 * 1024
const maxChallenges = 8
const maxParameters = 16

const separators = /[ \t,]*/y
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const equalsSign = /[ \t]*=[ \t]*/y
const quotedString = /"((?:[^"\\]|\\.)*)"/sy
/** A scheme may carry one opaque value instead of parameters (`Negotiate YII=`); nothing of ours does. */
const opaque = /[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y

/**
 * Reads the challenges of a 401. Never throws: what can't be read ends the list, and what is beyond the
 * limits is left out.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ')
  return text.length > maxHeaderLength ? [] : readList(text)
}

function readList(text: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  while (at < text.length) {
    take(separators)
    const name = take(token)?.[0].toLowerCase()
    if (name === undefined) break
    const current = challenges.at(-1)
    if (current !== undefined && take(equalsSign) !== null) {
      const value = take(quotedString)?.[1]?.replace(/\\(.)/gs, '$1') ?? take(token)?.[0]
      if (value === undefined) break
      const { parameters } = current
      if (parameters.size < maxParameters && !parameters.has(name)) parameters.set(name, value)
    } else {
      if (challenges.length === maxChallenges) break
      challenges.push({ scheme: name, parameters: new Map() })
      take(opaque)
    }
  }
  return challenges
}
