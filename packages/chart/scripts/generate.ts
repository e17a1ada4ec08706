import { readFile, writeFile } from 'node:fs/promises'
import { withSettingsSection } from './settings-section.ts'
import { valuesSchema } from './values-schema.ts'

/** Where a node's agent keeps its cache when the chart installs it: not in the home of an unprivileged user. */
export const chartDefaults = { dataDir: '/var/lib/shoal' }

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
