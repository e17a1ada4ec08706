import { readFile } from 'node:fs/promises'
import test from 'ava'
import { goTool } from '../harness/go-tool.ts'
import { Helm } from './helm.ts'
import { examples, plainManifests } from './plain-manifests.ts'

const tool = await goTool('helm')

if ('unavailable' in tool) {
  test.skip(`the plain manifests are what the chart makes [${tool.unavailable}]`, () => {})
} else {
  test('the plain manifests are what the chart makes', async (t) => {
    await using helm = await Helm.create(tool.file)
    const manifests = await plainManifests(helm)
    t.is(await readFile(examples.install, 'utf8'), manifests.install, 'run `npm run chart:examples`')
    t.is(await readFile(examples.restore, 'utf8'), manifests.restore, 'run `npm run chart:examples`')
  })
}
