import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { goDurationMs } from '../dist/credentials/go-duration.js'
import { matchesImage } from '../dist/credentials/image-pattern.js'
import { kubeletProviders } from '../dist/index.js'

const app = { registry: '123.dkr.ecr.eu-west-1.amazonaws.com', repository: 'team/app' }
const pattern = '*.dkr.ecr.*.amazonaws.com'

/** A provider that writes down what it was asked, and answers with `response`. */
async function provider(t: ExecutionContext, response: unknown, version = 'v1') {
  const home = await mkdtemp(join(tmpdir(), 'shoal-providers-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const configFile = join(home, 'config.yaml')
  await writeFile(
    configFile,
    `kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/${version}
providers:
  - name: ecr
    apiVersion: credentialprovider.kubelet.k8s.io/${version}
    matchImages: ["${pattern}"]
    defaultCacheDuration: "1h0m0s"
    args: [--flag]
    env: [{ name: MARK, value: set }]
`,
  )
  const asked = join(home, 'asked')
  const text = typeof response === 'string' ? response : JSON.stringify(response)
  await writeFile(join(home, 'answer'), text)
  await writeFile(
    join(home, 'ecr'),
    `#!/bin/sh\n{ cat; echo " $MARK $1"; } >> ${asked}\ncat ${home}/answer\n`,
  )
  await chmod(join(home, 'ecr'), 0o755)
  let now = 1_000_000
  const source = kubeletProviders({ configFile, binDir: home, now: () => now })
  const requests = async () =>
    (await readFile(asked, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  return { source, requests, pass: (ms: number) => (now += ms) }
}

const response = (cacheKeyType: string, cacheDuration?: string) => ({
  kind: 'CredentialProviderResponse',
  apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
  cacheKeyType,
  ...(cacheDuration === undefined ? {} : { cacheDuration }),
  auth: {
    [pattern]: { username: 'AWS', password: 'all' },
    '123.dkr.ecr.eu-west-1.amazonaws.com/team': { username: 'AWS', password: 'team' },
  },
})

test('the plugin is asked as kubelet asks it, and the longest pattern that fits counts', async (t) => {
  const { source, requests } = await provider(t, response('Registry'))
  t.deepEqual(await source.find(app), { username: 'AWS', password: 'team' })
  t.deepEqual(await source.find({ ...app, repository: 'other' }), { username: 'AWS', password: 'all' })
  const request = {
    apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
    kind: 'CredentialProviderRequest',
    image: `${app.registry}/team/app`,
  }
  t.deepEqual(await requests(), [`${JSON.stringify(request)} set --flag`])
})

for (const version of ['v1', 'v1beta1', 'v1alpha1']) {
  test(`a plugin of version ${version} is asked in that version, and heard`, async (t) => {
    const apiVersion = `credentialprovider.kubelet.k8s.io/${version}`
    const { source, requests } = await provider(t, { ...response('Registry'), apiVersion }, version)
    t.deepEqual(await source.find(app), { username: 'AWS', password: 'team' })
    t.regex((await requests())[0] ?? '', new RegExp(`"apiVersion":"${apiVersion}"`))
  })
}

test('an answer is kept as long as the plugin says, for what it says', async (t) => {
  const { source, requests, pass } = await provider(t, response('Image', '10m'))
  await source.find(app)
  await source.find(app)
  t.is((await requests()).length, 1)
  await source.find({ ...app, repository: 'other' })
  t.is((await requests()).length, 2)
  pass(11 * 60_000)
  await source.find(app)
  t.is((await requests()).length, 3)
})

test('a plugin is not asked about images that are none of its', async (t) => {
  const { source, requests } = await provider(t, response('Global'))
  t.is(await source.find({ registry: 'docker.io', repository: 'library/nginx' }), undefined)
  t.deepEqual(await requests(), [])
})

test('an answer that is none is an error that shows nothing of it', async (t) => {
  for (const garbage of ['hunter2', '{"kind":"CredentialProviderResponse","auth":"hunter2"}', '']) {
    const { source } = await provider(t, garbage)
    const error = await t.throwsAsync(source.find(app), { message: /ecr/ })
    t.notRegex(error?.message ?? '', /hunter2/)
  }
})

for (const [given, image, fits] of [
  ['*.azurecr.io', 'corp.azurecr.io/app', true],
  ['*.azurecr.io', 'a.corp.azurecr.io/app', false],
  ['*.io', 'corp.azurecr.io', false],
  ['gcr.io/team', 'gcr.io/team/app', true],
  ['gcr.io/team', 'gcr.io/other/app', false],
  ['registry.corp:5000', 'registry.corp:5000/app', true],
  ['registry.corp', 'registry.corp:5000/app', false],
  ['registry-*.corp', 'registry-eu.corp/app', true],
  ['a.b', 'aXb/app', false],
] as const) {
  test(`the pattern ${given} ${fits ? 'means' : 'does not mean'} ${image}`, (t) => {
    t.is(matchesImage(given, image), fits)
  })
}

test('durations are read as Go writes them', (t) => {
  t.is(goDurationMs('6h0m0s'), 6 * 3_600_000)
  t.is(goDurationMs('1.5m'), 90_000)
  t.is(goDurationMs('0'), 0)
  for (const text of ['', '5', 'h', '1d', '-1h', '1h x']) t.is(goDurationMs(text), undefined)
})
