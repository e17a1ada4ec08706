import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { pullInstructions } from '../dist/demo/pull-instructions.js'
import { temporaryDirectory } from './fixture.ts'

const target = {
  node: 'node 3',
  registry: '127.0.0.1:4711',
  namespace: 'demo.registry',
  name: 'shoal/demo',
  tag: 'latest',
}

test('every client has its command', async (t) => {
  const workDir = await temporaryDirectory(t)
  const text = await pullInstructions({ ...target, workDir })
  for (const command of [
    "curl -i 'http://127.0.0.1:4711/v2/shoal/demo/manifests/latest?ns=demo.registry'",
    'docker pull 127.0.0.1:4711/demo.registry/shoal/demo:latest',
    `ctr images pull --hosts-dir ${workDir}/containerd demo.registry/shoal/demo:latest`,
    `CONTAINERS_REGISTRIES_CONF=${workDir}/registries.conf podman pull demo.registry/shoal/demo:latest`,
    'skopeo copy --src-tls-verify=false docker://127.0.0.1:4711/demo.registry/shoal/demo:latest oci:demo-image:latest',
  ]) {
    t.true(text.includes(command), command)
  }
})

test('the files that the commands name are there', async (t) => {
  const workDir = await temporaryDirectory(t)
  await pullInstructions({ ...target, workDir })
  t.is(
    await readFile(join(workDir, 'containerd/demo.registry/hosts.toml'), 'utf8'),
    '[host."http://127.0.0.1:4711"]\n  capabilities = ["pull", "resolve"]\n',
  )
  t.regex(
    await readFile(join(workDir, 'registries.conf'), 'utf8'),
    /prefix = "demo\.registry".*location = "127\.0\.0\.1:4711\/demo\.registry"\ninsecure = true/s,
  )
})
