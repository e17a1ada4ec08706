/**
 * Some hosts of the benchmark of a cluster that starts at once, in a process of their own. Started by together.bench.ts with an
 * IPC channel and `<number of hosts> <file>`; the file has the ports of all that are up, and stands for the records of a headless
 * Service. Told to start, it tells every now and then whom its hosts are connected with, and how many they know.
 */
import { appendFile, readFile } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'

// Before anything is allocated: the agent's entry file does the same.
setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')

const { parseClusterSecret } = await import('../../packages/swarm/dist/host/cluster-secret.js')
const { createSwarmHost } = await import('../../packages/swarm/dist/host/swarm-host.js')

export interface HostReport {
  readonly peer: string
  readonly connected: readonly string[]
  /** Peers in the routing table. */
  readonly known: number
}

export interface Report {
  readonly hosts: readonly HostReport[]
  /** Of this process since it was told to start. */
  readonly cpuSeconds: number
}

const [count, file = ''] = [Number(process.argv[2]), process.argv[3]]
const clusterSecret = parseClusterSecret('6f1c2b7e9d03a4855b7c91e2f6a8d04c3e5b7a9180f2d4c6')
const reportEveryMs = 200

/** As the cluster's DNS has them: only those that are up. */
const names = {
  srv: async () =>
    (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((port) => ({ name: '127.0.0.1', port: Number(port), priority: 0, weight: 0 })),
  lookup: async () => [{ address: '127.0.0.1', family: 4 }],
}

process.once('message', () => void start())
process.send?.('loaded')

async function start(): Promise<void> {
  const cpu = process.cpuUsage()
  const hosts: Awaited<ReturnType<typeof createSwarmHost>>[] = []
  setInterval(() => {
    const { user, system } = process.cpuUsage(cpu)
    const reports = hosts.map((host) => ({
      peer: host.peer,
      connected: host.connectedPeers(),
      known: host.routablePeers(),
    }))
    process.send?.({ hosts: reports, cpuSeconds: (user + system) / 1e6 } satisfies Report)
  }, reportEveryMs)
  await Promise.all(
    Array.from({ length: count }, async () => {
      const host = await createSwarmHost({
        listen: ['/ip4/127.0.0.1/tcp/0'],
        clusterSecret,
        names,
        bootstrap: ['srv:_swarm._tcp.shoal'],
        timings: { openTimeoutMs: 20_000 },
      })
      hosts.push(host)
      await appendFile(file, `${/\/tcp\/(\d+)/.exec(host.addresses()[0] ?? '')?.[1]}\n`)
    }),
  )
}
