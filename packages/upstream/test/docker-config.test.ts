import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { dockerConfig } from '../dist/index.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const hub = { registry: 'docker.io', repository: 'library/nginx' }
const corp = { registry: 'registry.corp:5000', repository: 'team/app' }

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-config-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

async function configOf(t: ExecutionContext, config: unknown) {
  const path = join(await directory(t), 'config.json')
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config))
  return dockerConfig(path)
}

test('what docker login wrote for Docker Hub is found by its name', async (t) => {
  const source = await configOf(t, { auths: { 'https://index.docker.io/v1/': { auth: base64('me:a:b') } } })
  t.deepEqual(await source.find(hub), { username: 'me', password: 'a:b' })
  t.is(await source.find(corp), undefined)
})

test('what podman login wrote for a repository goes before what it wrote for the registry', async (t) => {
  const source = await configOf(t, {
    auths: {
      'registry.corp:5000': { auth: base64('all:1') },
      'registry.corp:5000/team': { auth: base64('team:2') },
    },
  })
  t.deepEqual(await source.find(corp), { username: 'team', password: '2' })
  t.deepEqual(await source.find({ ...corp, repository: 'teamster/app' }), { username: 'all', password: '1' })
})

test('an identity token is a secret of its own kind', async (t) => {
  const source = await configOf(t, {
    auths: { 'registry.corp:5000': { auth: base64('00:'), identitytoken: 'token' } },
  })
  t.deepEqual(await source.find(corp), { identityToken: 'token' })
})

test('a mounted pull secret is read where the directory is named', async (t) => {
  const path = await directory(t)
  await writeFile(
    join(path, '.dockerconfigjson'),
    JSON.stringify({ auths: { 'docker.io': { auth: base64('a:b') } } }),
  )
  t.deepEqual(await dockerConfig(path).find(hub), { username: 'a', password: 'b' })
})

test('while there is no file there are no credentials', async (t) => {
  t.is(await dockerConfig(join(await directory(t), 'none')).find(hub), undefined)
})

test('a file that is no configuration is an error that shows nothing of it', async (t) => {
  for (const text of ['password=hunter2', '{"auths":{"a":{"auth":["hunter2"]}}}', '[]']) {
    const source = await configOf(t, text)
    const error = await t.throwsAsync(source.find(hub))
    t.notRegex(error?.message ?? '', /hunter2/)
    t.regex(error?.message ?? '', /config\.json/)
  }
})

test.serial('credential helpers are run: one for the registry first, else the store of all', async (t) => {
  const bin = await directory(t)
  await mkdir(join(bin, 'bin'))
  const helper = async (name: string, script: string) => {
    const path = join(bin, 'bin', `docker-credential-${name}`)
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
  }
  await helper('corp', 'read server; echo "{\\"Username\\":\\"for $server\\",\\"Secret\\":\\"s\\"}"')
  await helper('all', 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"refresh\\"}"')
  await helper('empty', 'echo "credentials not found in native keychain"; exit 1')
  await helper('broken', 'echo hunter2; exit 3')
  const { PATH } = process.env
  process.env.PATH = `${join(bin, 'bin')}:${PATH}`
  t.teardown(() => {
    process.env.PATH = PATH
  })
  const source = await configOf(t, { credsStore: 'all', credHelpers: { 'registry.corp:5000': 'corp' } })
  t.deepEqual(await source.find(corp), { username: 'for registry.corp:5000', password: 's' })
  t.deepEqual(await source.find(hub), { identityToken: 'refresh' })

  const fallback = await configOf(t, { credsStore: 'empty', auths: { 'docker.io': { auth: base64('a:b') } } })
  t.deepEqual(await fallback.find(hub), { username: 'a', password: 'b' })

  const error = await t.throwsAsync((await configOf(t, { credsStore: 'broken' })).find(hub))
  t.regex(error?.message ?? '', /docker-credential-broken failed: 3/)
  t.notRegex(error?.message ?? '', /hunter2/)
})

test('a helper that is no plain name is refused', async (t) => {
  await t.throwsAsync((await configOf(t, { credsStore: '../../bin/sh' })).find(hub), {
    message: /credsStore/,
  })
})
