import test from 'ava'
import { startSwarm } from '../harness/agents.ts'
import { DockerRegistry } from '../harness/docker-registry.ts'
import { installPackages } from '../harness/install.ts'
import { run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import { debianImage, verifyFiles } from './image.ts'
import { clientPackages } from './lab.ts'
import { skopeo } from './skopeo.ts'

const repository = 'library/shoal-push-test'

test('what skopeo pushes through a node is pulled through another, the registry gone, and never sent by it', async (t) => {
  t.timeout(1_200_000)
  await installPackages(clientPackages, 'npm run test:clients')
  const image = await debianImage()
  await using workspace = await Workspace.create('push')
  await using registry = await DockerRegistry.start({ directory: await workspace.directory('registry') })
  await using swarm = await startSwarm({
    ...{ nodes: 2, directory: await workspace.directory('swarm') },
    upstreams: [`docker.io=http://${registry.host}`],
    flags: ['--registry-push', 'passthrough'],
  })
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) return t.fail()

  const name = `docker://${first.shim}/docker.io/${repository}:${image.tag}`
  const source = `oci:${image.layout}:${image.tag}`
  await run('skopeo', ['copy', '--preserve-digests', '--dest-tls-verify=false', source, name])
  // Whoever asks for the tag while the registry is there has it when the registry has gone.
  await run('skopeo', ['inspect', '--no-tags', '--tls-verify=false', name])
  const gets = (await registry.accesses()).filter(({ method }) => method === 'GET')
  t.deepEqual(
    gets.filter(({ path }) => /blobs\/sha256|manifests/.test(path)),
    [],
  )
  await registry.stop()

  const directory = await workspace.directory('client')
  await using pulled = await skopeo.pull({ shim: second.shim, repository, tag: image.tag, directory })
  t.is(pulled.digest, image.manifest.digest)
  await t.notThrowsAsync(verifyFiles(pulled.root, image))
  const { fromUpstream, fromPeers } = await second.transfers()
  const blobs = [image.config, ...image.layers].reduce((sum, { size }) => sum + size, 0)
  t.is(fromUpstream, 0)
  t.true(fromPeers >= blobs, `${fromPeers} bytes from peers for blobs of ${blobs}`)
})
