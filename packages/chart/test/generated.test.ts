import { readFile } from 'node:fs/promises'
import test from 'ava'
import { parse } from 'yaml'
import { listSettings } from '../../agent/dist/config/setting-list.js'
import { chartDefaults, generate, schemaFile, valuesFile } from '../scripts/generate.ts'

const remedy = 'run `npm run chart:generate`'

test("values.schema.json is what the agent's schema makes it", async (t) => {
  t.is(await readFile(schemaFile, 'utf8'), (await generate()).schema, remedy)
})

test("the settings of values.yaml are those of the agent's schema, with its defaults", async (t) => {
  t.is(await readFile(valuesFile, 'utf8'), (await generate()).values, remedy)
})

test('every setting of the agent stands in values.yaml, be it without a value', async (t) => {
  const { settings } = parse(await readFile(valuesFile, 'utf8'))
  const missing = listSettings(chartDefaults).filter(({ path }) => {
    const value = path.split('.').reduce((node, key) => node?.[key], settings)
    return value === undefined
  })
  t.deepEqual(missing, [])
})

test('every value of the chart has a place in the schema', async (t) => {
  const values = parse(await readFile(valuesFile, 'utf8'))
  const { properties } = JSON.parse(await readFile(schemaFile, 'utf8'))
  t.deepEqual(
    Object.keys(values).filter((key) => !(key in properties)),
    [],
  )
})
