import { readdir, readFile } from 'node:fs/promises'
import { Ajv, type ErrorObject } from 'ajv'

/** A rendered object, as far as everything that handles it must know it. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  // biome-ignore lint/suspicious/noExplicitAny: tests look at many places of many kinds
  readonly [field: string]: any
}

type Definition = Record<string, unknown>

interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

const directory = new URL('openapi/', import.meta.url)

/** The Kubernetes releases whose API descriptions are kept beside this file. */
export async function releases(): Promise<string[]> {
  const names = await readdir(directory)
  return names.flatMap((name) => /^kubernetes-(v[0-9.]+)\.json$/.exec(name)?.[1] ?? [])
}

/**
 * Checks objects as the API server of a release does when it is told to be strict: unknown fields are errors.
 *
 * @returns what is wrong, one line each
 */
export async function schemaOf(release: string): Promise<(object: KubernetesObject) => string[]> {
  const text = await readFile(new URL(`kubernetes-${release}.json`, directory), 'utf8')
  const definitions: Record<string, Definition> = JSON.parse(text).definitions
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  const strict = Object.entries(definitions).map(([name, definition]) => [name, strictly(definition)])
  ajv.addSchema({ $id: 'kubernetes', definitions: Object.fromEntries(strict) })

  const names = new Map<string, string>()
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[]
    for (const { group, version, kind } of kinds) {
      names.set(`${group === '' ? '' : `${group}/`}${version} ${kind}`, name)
    }
  }
  return (object) => {
    const title = `${object.kind} ${object.metadata?.name}`
    const name = names.get(`${object.apiVersion} ${object.kind}`)
    if (name === undefined) return [`${title}: ${release} has no ${object.apiVersion} ${object.kind}`]
    const validate = ajv.getSchema(`kubernetes#/definitions/${name}`)
    if (validate === undefined) throw new TypeError(`${name} can't be compiled`)
    return validate(object) === true ? [] : (validate.errors ?? []).map((error) => `${title}${textOf(error)}`)
  }
}

function textOf({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath}: ${message} ${JSON.stringify(params)}`
}

/** Swagger's way of writing as JSON Schema's, with no room for fields that the API does not have. */
function strictly(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strictly)
  if (typeof value !== 'object' || value === null) return value
  const { format, ...rest } = value as Definition
  if (format === 'int-or-string') return { type: ['integer', 'string'] }
  const entries = Object.entries(rest).map(([key, inner]) => [key, strictly(inner)])
  const schema: Definition = Object.fromEntries(entries)
  if (schema.type === 'object' && schema.properties !== undefined) schema.additionalProperties ??= false
  return schema
}
