import * as z from 'zod'
import { type SettingDefaults, settingNotes, settingsSchema } from './schema.ts'

/** One setting, with its spelling in each of the places that can give it. */
export interface Setting {
  /** Where it stands in the YAML file: `registry.listen`. */
  readonly path: string
  /** `--registry-listen` */
  readonly flag: string
  /** `SHOAL_REGISTRY_LISTEN` */
  readonly variable: string
  /** Undefined for a switch. */
  readonly argument: string | undefined
  readonly list: boolean
  readonly description: string
  /** As text, for `--help`; undefined when there is none to show. */
  readonly defaultText: string | undefined
}

/** The settings of {@link settingsSchema}, in its order. */
export function listSettings(defaults: SettingDefaults): Setting[] {
  return settingsIn(settingsSchema(defaults), [])
}

function settingsIn(schema: z.core.$ZodType, path: string[]): Setting[] {
  const notes = settingNotes.get(schema)
  if (notes !== undefined) {
    const flag = notes.flag ?? path.map(kebab).join('-')
    const { description, argument, list = false } = notes
    const defaultText = defaultTextOf(schema)
    const variable = `SHOAL_${flag.replaceAll('-', '_').toUpperCase()}`
    return [{ path: path.join('.'), flag: `--${flag}`, variable, argument, list, description, defaultText }]
  }
  if (schema instanceof z.ZodPrefault) return settingsIn(schema.unwrap(), path)
  if (!(schema instanceof z.ZodObject)) throw new TypeError(`setting ${path.join('.')} has no notes`)
  return Object.entries(schema.shape).flatMap(([key, inner]) => settingsIn(inner, [...path, key]))
}

function defaultTextOf(schema: z.core.$ZodType): string | undefined {
  const value: unknown = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(', ')
  return typeof value === 'string' ? value : undefined
}

function kebab(camel: string): string {
  return camel.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)
}

/** The keys that may stand in the section at `path` of the YAML file. */
export function keysAt(schema: z.core.$ZodType, path: readonly string[]): string[] {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) return keysAt(schema.unwrap(), path)
  const [first, ...rest] = path
  if (schema instanceof z.ZodOptional) return keysAt(schema.unwrap(), path)
  if (schema instanceof z.ZodArray) return keysAt(schema.element, path.slice(1))
  if (schema instanceof z.ZodRecord) return first === undefined ? [] : keysAt(schema.valueType, rest)
  if (!(schema instanceof z.ZodObject)) return []
  if (first === undefined) return Object.keys(schema.shape)
  const inner = schema.shape[first]
  return inner === undefined ? [] : keysAt(inner, rest)
}
