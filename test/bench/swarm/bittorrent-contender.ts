import { chmod, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Workspace } from '../../harness/workspace.ts'
import type { BenchImage } from './bench-image.ts'
import type { Cluster, Contender } from './contender.ts'

const torrentPull = fileURLToPath(new URL('./torrent-pull.sh', import.meta.url))
/** aria2 is told, or it would ask as seldom as the tracker proposes: every half hour. */
const trackerIntervalSeconds = 1
const trackerPort = 6969
const seederPort = 6900
const firstPeerPort = 6881
const torrentName = 'image'

/**
 * What all of aria2's processes here are told: no other discovery than the tracker and peers' own exchange, no limits,
 * no encryption, no writing ahead of the bytes.
 */
const options = [
  ...['--no-conf', '--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false'],
  ...['--seed-ratio=0', '--file-allocation=none', '--bt-max-peers=0', '--summary-interval=0'],
  `--bt-tracker-interval=${trackerIntervalSeconds}`,
]

/**
 * aria2 on every node, with opentracker and a seeder at the upstream host. What is pulled is the image's OCI layout, and
 * whoever has it goes on seeding.
 */
export const bittorrent: Contender = {
  name: 'bittorrent',
  async start(cluster) {
    await using started = new AsyncDisposableStack()
    const torrents = await Promise.all(cluster.images.map((image) => makeTorrent(cluster, image)))
    started.use(await startTracker(cluster, torrents))
    for (const [index, torrent] of torrents.entries()) {
      started.use(await startSeeder(cluster, torrent, seederPort + index))
    }
    let pulls = 0
    const held = started.move()
    return {
      async pull(node, image) {
        const home = await cluster.directory(`peer-${node}-${pulls++}`)
        const index = cluster.images.indexOf(image)
        const port = `--listen-port=${firstPeerPort + index}`
        const args = [home, port, '--quiet', ...options, String(torrents[index]?.file)]
        return { file: torrentPull, args, layout: join(home, torrentName) }
      },
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    }
  },
}

interface Torrent {
  readonly file: string
  /** The directory in which the seeder finds the image under the torrent's name. */
  readonly seeds: string
  readonly infoHash: string
}

async function makeTorrent(
  { upstream, directory }: Cluster,
  { layout, repository }: BenchImage,
): Promise<Torrent> {
  const seeds = await directory(`seeds-${repository.replace('/', '-')}`)
  await symlink(layout, join(seeds, torrentName))
  const file = join(seeds, 'image.torrent')
  const announce = `http://${upstream.address}:${trackerPort}/announce`
  await upstream.run('mktorrent', ['-l', '18', '-a', announce, '-n', torrentName, '-o', file, layout])
  const described = await upstream.run('aria2c', ['--no-conf', '--show-files', file])
  const infoHash = /^Info Hash: ([0-9a-f]{40})$/m.exec(described)?.[1]
  if (infoHash === undefined) throw new Error(`aria2 tells no info hash of ${file}: ${described}`)
  return { file, seeds, infoHash }
}

/** It serves only torrents that it is told of: Debian builds it so. */
async function startTracker({ upstream }: Cluster, torrents: readonly Torrent[]): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack()
  // It gives up root before it reads the list.
  const { path } = started.use(await Workspace.create('tracker'))
  await chmod(path, 0o755)
  const whitelist = join(path, 'torrents')
  await writeFile(whitelist, torrents.map(({ infoHash }) => `${infoHash}\n`).join(''))
  const { address } = upstream
  const tracker = `opentracker -i ${address} -p ${trackerPort} -w ${whitelist}`
  // It does not say when it serves; bash tells when its port is there.
  const script = `${tracker} & trap 'kill $!' TERM
    until (echo >/dev/tcp/${address}/${trackerPort}) 2>/dev/null; do sleep 0.05; done; echo serving; wait`
  started.use(
    await upstream.start({
      name: 'opentracker',
      file: 'bash',
      args: ['-c', script],
      ready: (line) => line === 'serving',
    }),
  )
  return started.move()
}

async function startSeeder(
  { upstream }: Cluster,
  { seeds, file }: Torrent,
  port: number,
): Promise<AsyncDisposable> {
  return await upstream.start({
    name: 'the seeder',
    file: 'aria2c',
    args: [
      ...options,
      ...['--check-integrity=true', '--seed-time=999999', `--listen-port=${port}`],
      ...['--console-log-level=notice', `--dir=${seeds}`, file],
    ],
    ready: (line) => line.includes('Verification finished successfully'),
  })
}
