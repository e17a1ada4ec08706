import { parseDocument } from 'yaml'
import type { Layer } from './layer.ts'
import { show } from './problems.ts'
import { readTextFile } from './text-file.ts'

/** A configuration file is a page or two; what is larger is some other file. */
const maxFileBytes = 1024 * 1024

/** Reads the YAML file that `--config` names. */
export async function yamlLayer(path: string, calledBy: string): Promise<Layer> {
  const nameOf = (keys: readonly string[]) => `${path}: ${keys.join('.') || 'the file'}`
  const failed = (problem: string): Layer => ({ values: {}, problems: [problem], nameOf })

  const file = await readTextFile(path, maxFileBytes)
  if ('problem' in file) return failed(`${calledBy}: ${file.problem}`)
  const values = parse(file.text)
  if ('problem' in values) return failed(`${path}: ${values.problem}`)
  if (!isMapping(values.tree)) {
    return failed(`${path}: got ${show(values.tree)}, expected a mapping of settings`)
  }
  return { values: values.tree, problems: [], nameOf }
}

function parse(text: string): { tree: unknown } | { problem: string } {
  const document = parseDocument(text, { logLevel: 'silent', prettyErrors: true })
  const [error] = document.errors
  if (error !== undefined) return { problem: `malformed YAML: ${firstLine(error.message)}` }
  try {
    // An empty section or value is as good as none.
    return { tree: withoutNulls(document.toJS({ maxAliasCount: 100 }) ?? {}) }
  } catch (error) {
    return { problem: `malformed YAML: ${firstLine(error instanceof Error ? error.message : String(error))}` }
  }
}

function withoutNulls(value: unknown): unknown {
  if (!isMapping(value)) return value
  const entries = Object.entries(value).filter(([, inner]) => inner !== null)
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls(inner)]))
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:$/, '')
}
