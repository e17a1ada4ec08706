import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { detectHost } from '../dist/detect.js'
import { HostFiles } from '../dist/host-files.js'
import { type ContainerdInit, startContainerd } from './daemons.ts'
import { temporaryRoot } from './tree.ts'

const list = '/etc/containerd/certs.d:/etc/docker/certs.d'

async function detect(t: ExecutionContext, containerd: ContainerdInit, files: Record<string, string>) {
  const root = await temporaryRoot()
  t.teardown(() => root[Symbol.asyncDispose]())
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root.path, dirname(path)), { recursive: true })
    await writeFile(join(root.path, path), text)
  }
  await startContainerd(t, root.path, containerd)
  return (await detectHost(new HostFiles(root.path), ['containerd'])).containerd[0]
}

/** As `containerd config default` writes it, and with it many a node's configuration. */
const empty = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = ''\n"
const config = '/etc/containerd/config.toml'

test('from 2.2 on an empty config_path stands for the list that containerd takes by itself', async (t) => {
  t.is((await detect(t, { version: 'v2.3.4' }, { [config]: empty }))?.configPath, list)
  t.is((await detect(t, { version: 'v2.3.4' }, {}))?.configPath, list)
})

test('before 2.2 an empty config_path stands for none', async (t) => {
  t.is((await detect(t, { version: 'v2.1.9' }, { [config]: empty }))?.configPath, '')
})

test('next to registry.mirrors an empty config_path stays empty in any version', async (t) => {
  const mirrors = `${empty}[plugins.'io.containerd.cri.v1.images'.registry.mirrors."docker.io"]\n  endpoint = ["https://m"]\n`
  const found = await detect(t, { version: 'v2.3.4' }, { [config]: mirrors })
  t.like(found, { configPath: '', legacy: 'mirrors' })
})
