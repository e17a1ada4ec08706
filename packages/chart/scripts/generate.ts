import { readFile, writeFile } from 'node:fs/promises'
import { withSettingsSection } from './settings-section.ts'
import { valuesSchema } from './values-schema.ts'

/**
 * A node's agent keeps its cache not in the home of an unprivileged user, and its pod is given the time that a pull takes: see
 * `terminationGracePeriodSeconds`.
 */
export const chartDefaults = { dataDir: '/var/lib/shoal', drain: '60s' }

export const valuesFile = new URL('../shoal/values.yaml', import.meta.url)
export const schemaFile = new URL('../shoal/values.schema.json', import.meta.url)

/** The generated files as they should be, from the agent's schema. */
export async function generate(): Promise<{ values: string; schema: string }> {
  const values = withSettingsSection(await readFile(valuesFile, 'utf8'), chartDefaults)
  return { values, schema: `${JSON.stringify(valuesSchema(chartDefaults), undefined, 2)}\n` }
}

if (import.meta.main) {
  const { values, schema } = await generate()
  await writeFile(valuesFile, values)
  await writeFile(schemaFile, schema)
}
