/**
 * One end of the transfer benchmark, in a process of its own. Started by transfer.bench.ts with an IPC channel and
 * `<role> <contender> <bytes>`.
 */
import { setFlagsFromString } from 'node:v8'
import type { Contender, Meter } from './transfer-contender.ts'

const [role, name, bytes] = process.argv.slice(2)
// Before anything is allocated: the agent's entry file does the same.
if (name === 'shoal') setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')

const contenders: Record<string, () => Promise<Contender>> = {
  stock: async () => (await import('./transfer-stock.ts')).stock,
  shoal: async () => (await import('./transfer-shoal.ts')).shoal,
  nodeTls: async () => (await import('./transfer-sockets.ts')).nodeTls,
  rawTcp: async () => (await import('./transfer-sockets.ts')).rawTcp,
}
const contender = await contenders[String(name)]?.()
if (contender === undefined) throw new Error(`no contender ${name}`)

let startMs = 0
let before: NodeJS.CpuUsage | undefined
const meter: Meter = {
  start() {
    before = process.cpuUsage()
    startMs = performance.now()
  },
  stop() {
    const seconds = (performance.now() - startMs) / 1000
    const { user, system } = process.cpuUsage(before)
    const maxRssBytes = process.resourceUsage().maxRSS * 1024
    process.send?.({ seconds, cpuSeconds: (user + system) / 1e6, maxRssBytes })
  },
}

if (role === 'sender') process.send?.(await contender.serve(Number(bytes), meter))
else process.once('message', (address) => void receive(contender, String(address)))

async function receive({ receive }: Contender, address: string): Promise<void> {
  const received = await receive(address, meter)
  if (received !== Number(bytes)) throw new Error(`received ${received} of ${bytes} bytes`)
}
