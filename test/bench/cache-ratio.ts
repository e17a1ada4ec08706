import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Descriptor, digestFromHash, digestHex, mediaTypes } from '@shoal/content'
import { openLayout } from '../../packages/agent/dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../../packages/agent/dist/demo/upstream-registry.js'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { run } from '../harness/run.ts'
import { startNginx } from './nginx.ts'

const pieceBytes = 1024 * 1024

export interface RatioInit {
  readonly directory: string
  /** Of the blob. */
  readonly bytes: number
  readonly rounds: number
}

export interface Ratio {
  /** Bytes per second of a warm blob through the agent's shim, over those of nginx: the median of the rounds. */
  readonly nginxRatio: number
  readonly shimBytesPerSecond: number
  readonly nginxBytesPerSecond: number
  /** What the agent takes for it: does not depend on what else the machine does. */
  readonly shimCpuSecondsPerGiB: number
}

/** Has an agent and nginx serve the same file to curl over loopback, in turns. */
export async function measureRatio({ directory, bytes, rounds }: RatioInit): Promise<Ratio> {
  const { layoutDir, layer } = await writeImage(join(directory, 'layout'), bytes)
  const registry = await UpstreamRegistry.start({
    layout: await openLayout(layoutDir),
    name: 'bench/image',
    tag: 'latest',
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => registry.stop())
  const dataDir = join(directory, 'agent')
  const agent = stack.use(
    await SwarmNode.start({
      name: 'bench',
      directory: dataDir,
      secretFile: await newSecretFile(directory),
      bootstrap: [],
      upstreams: [`registry.test=${registry.url}`],
    }),
  )
  const nginx = stack.use(await startNginx(join(dataDir, 'blobs'), join(directory, 'nginx')))
  const shim = `http://${agent.shim}/v2/registry.test/bench/image`
  await run('curl', ['-s', '-o', '/dev/null', `${shim}/manifests/latest`])
  const urls = {
    shim: `${shim}/blobs/${layer.digest}`,
    nginx: `${nginx.url}/${layer.digest.replace(':', '/')}`,
  }
  const speeds = { shim: [] as number[], nginx: [] as number[] }
  for (const url of [urls.shim, urls.shim, urls.nginx]) await fetchOnce(url, bytes) // pulled, then warm
  let cpuSeconds = 0
  for (let round = 0; round < rounds; round++) {
    speeds.nginx.push(await fetchOnce(urls.nginx, bytes))
    const before = await cpuSecondsOf(agent.pid)
    speeds.shim.push(await fetchOnce(urls.shim, bytes))
    cpuSeconds += (await cpuSecondsOf(agent.pid)) - before
  }
  const ratios = speeds.shim.map((speed, round) => speed / (speeds.nginx[round] ?? Number.NaN))
  return {
    nginxRatio: median(ratios),
    shimBytesPerSecond: median(speeds.shim),
    nginxBytesPerSecond: median(speeds.nginx),
    shimCpuSecondsPerGiB: cpuSeconds / ((rounds * bytes) / 2 ** 30),
  }
}

/** An OCI layout of one image with one layer of that size, which is no archive: nobody unpacks it. */
async function writeImage(layoutDir: string, bytes: number) {
  const blobs = join(layoutDir, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const put = async (value: unknown, mediaType: string): Promise<Descriptor> => {
    const text = JSON.stringify(value)
    const digest = digestFromHash('sha256', createHash('sha256').update(text).digest())
    await writeFile(join(blobs, digestHex(digest)), text)
    return { mediaType, digest, size: text.length }
  }
  const layer = await writeLayer(blobs, bytes)
  const config = await put({ architecture: 'amd64', os: 'linux' }, 'application/vnd.oci.image.config.v1+json')
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }
  const root = await put(manifest, mediaTypes.ociManifest)
  await writeFile(join(layoutDir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [root] }))
  return { layoutDir, layer }
}

async function writeLayer(directory: string, bytes: number): Promise<Descriptor> {
  const piece = createHash('shake128', { outputLength: pieceBytes }).update('ratio').digest()
  const hash = createHash('sha256')
  const draft = join(directory, 'draft')
  await pipeline(function* () {
    for (let done = 0; done < bytes; done += pieceBytes) {
      const part = Buffer.from(piece.subarray(0, Math.min(pieceBytes, bytes - done)))
      part.writeUIntBE(done, 0, 6)
      hash.update(part)
      yield part
    }
  }, createWriteStream(draft))
  const digest = digestFromHash('sha256', hash.digest())
  await rename(draft, join(directory, digestHex(digest)))
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes }
}

/** Bytes per second. curl takes less CPU than any client of Node's. */
async function fetchOnce(url: string, bytes: number): Promise<number> {
  const format = '%{http_code} %{size_download} %{time_total}'
  const output = await run('curl', ['-s', '-o', '/dev/null', '-w', format, url])
  const [status, size, seconds] = output.split(' ').map(Number)
  if (status !== 200 || size !== bytes) throw new Error(`${url}: status ${status}, ${size} bytes of ${bytes}`)
  return bytes / (seconds ?? Number.NaN)
}

/** User and system time, in seconds: proc(5) counts in hundredths. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
