import type { Setting } from './setting-list.ts'

/** The settings that one place gives: flags, the environment, or a file. */
export interface Layer {
  /** A tree in the shape of the schema, as it was written. */
  readonly values: Readonly<Record<string, unknown>>
  /** What is wrong with it before the schema is asked. */
  readonly problems: readonly string[]
  /** How the person wrote a setting in this place. */
  nameOf(path: readonly string[]): string
}

/** What flags and variables hold before it is fitted to the schema: texts, lists of texts, and switches. */
export type Given = string | readonly string[] | boolean

/**
 * Makes a layer of values given one by one.
 *
 * @param nameOf - how the person wrote the setting: as a flag or as a variable
 */
export function layerOf(
  given: Iterable<readonly [Setting, Given]>,
  settings: readonly Setting[],
  nameOf: (setting: Setting) => string,
): Layer {
  const values = {}
  const problems: string[] = []
  for (const [setting, value] of given) {
    if (setting.path === 'upstreams.registries') {
      put(values, setting.path, upstreamsIn(value, nameOf(setting), problems))
    } else put(values, setting.path, value)
  }
  return {
    values,
    problems,
    nameOf: (path) => {
      const dotted = path.join('.')
      const setting = settings.find(({ path: own }) => dotted === own || dotted.startsWith(`${own}.`))
      return setting === undefined ? dotted : nameOf(setting)
    },
  }
}

/** The value at a dotted path of a tree. */
export function valueAt(tree: unknown, path: readonly string[]): unknown {
  let value = tree
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** Sets the value at a dotted path, making sections as needed. */
export function put(tree: Record<string, unknown>, path: string, value: unknown): void {
  const [first = '', ...rest] = path.split('.')
  if (rest.length === 0) tree[first] = value
  else {
    tree[first] ??= {}
    put(tree[first] as Record<string, unknown>, rest.join('.'), value)
  }
}

/** `<registry>=<url>` texts as the section that a file would have. */
function upstreamsIn(value: Given, name: string, problems: string[]): Record<string, { url: string }> {
  const upstreams: Record<string, { url: string }> = {}
  for (const text of Array.isArray(value) ? value : [String(value)]) {
    const [registry, url] = splitOnce(text, '=')
    if (url === undefined) {
      problems.push(
        `${name}: got ${JSON.stringify(text.slice(0, 120))}, expected <registry>=<url>, such as registry.example.com=http://10.0.0.5:5000`,
      )
    } else if (Object.hasOwn(upstreams, registry)) {
      problems.push(`${name}: got two URLs for ${registry}, expected one`)
    } else Object.defineProperty(upstreams, registry, { value: { url }, enumerable: true })
  }
  return upstreams
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
