import { readFile, writeFile } from 'node:fs/promises'
import type { Host } from '../../testbed/host.ts'

/** What the programs that run on a host have used. */
export interface HostUsage {
  readonly cpuSeconds: number
  /** The most that each has had resident since {@link resetPeaks}, added up. */
  readonly peakMemoryBytes: number
}

/** USER_HZ, which is 100 on every architecture that Node.js runs on. */
const ticksPerSecond = 100

/** CPU of processes that have ended is in no sum unless a parent that still runs has waited for them. */
export async function hostUsage(host: Host): Promise<HostUsage> {
  const usages = await Promise.all((await host.processes()).map(processUsage))
  return {
    cpuSeconds: usages.reduce((sum, usage) => sum + usage.cpuSeconds, 0),
    peakMemoryBytes: usages.reduce((sum, usage) => sum + usage.peakMemoryBytes, 0),
  }
}

/** From now on, the peaks of the processes that run on a host are counted anew. */
export async function resetPeaks(host: Host): Promise<void> {
  for (const pid of await host.processes()) await writeFile(`/proc/${pid}/clear_refs`, '5').catch(ignoreGone)
}

/** CPU time of the whole machine since it started, in seconds. */
export async function machineCpu(): Promise<{ busy: number; total: number }> {
  const [first = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  // user nice system idle iowait irq softirq steal; guest time is in user's.
  const ticks = first.trim().split(/\s+/).slice(1, 9).map(Number)
  const total = ticks.reduce((sum, value) => sum + value, 0)
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { busy: (total - idle) / ticksPerSecond, total: total / ticksPerSecond }
}

async function processUsage(pid: number): Promise<HostUsage> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ignoreGone)
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(ignoreGone)
  // The name in brackets may hold anything; utime, stime, cutime and cstime are fields 12 to 15 after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? '0'
  return { cpuSeconds: ticks / ticksPerSecond, peakMemoryBytes: Number(peak) * 1024 }
}

function ignoreGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
  return undefined
}
