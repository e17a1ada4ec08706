import { percentile, type Spread, spreadOf } from '../../figures/spread.ts'
import type { PhaseRun } from './run-contender.ts'
import type { Case } from './suite.ts'
import { atOnceOf, boundOf, type Phase, phasesOf, type Workload } from './workload.ts'

/** Every run of one contender on one workload. */
export interface ContenderRuns {
  readonly contender: string
  /** By repetition, then by phase. */
  readonly runs: readonly (readonly PhaseRun[])[]
}

/** A run that came to nothing, and was done anew. */
export interface FailedRun {
  readonly contender: string
  readonly reason: string
}

export interface CaseRuns extends Case {
  readonly failures: readonly FailedRun[]
  readonly contenders: readonly ContenderRuns[]
}

/** One row of the tables: a contender in one phase of a workload. Bytes and seconds; spreads are over repetitions. */
export interface Row {
  readonly title: string
  readonly workload: Workload
  readonly phase: Phase
  readonly contender: string
  readonly boundSeconds: number
  /** Of a node, from its own start to its end. */
  readonly nodeSeconds: { readonly p50: Spread; readonly p99: Spread }
  /** From the first node's start to the last one's end. */
  readonly lastSeconds: Spread
  readonly lastOverBound: Spread
  /** The slowest node of those that are updated after the first; in an update only. */
  readonly slowestLaterSeconds?: Spread
  /** From a node's start; only where it is measured. */
  readonly firstByteSeconds?: Spread
  /** Copies of the image that the upstream host put on the wire. */
  readonly upstreamCopies: Spread
  readonly upstreamRequests: Spread
  /** Copies of the image that all hosts together put on the wire, by node. */
  readonly wireCopiesPerNode: Spread
  readonly cpuSecondsPerNode: Spread
  readonly peakMemoryBytesPerNode: Spread
  /** Share of the machine's cores. */
  readonly machineBusy: Spread
}

export function rowsOf({ title, workload, contenders }: CaseRuns): Row[] {
  return phasesOf(workload).flatMap((phase, index) =>
    contenders.map(({ contender, runs }) => {
      const inPhase = runs.flatMap((run) => run[index] ?? [])
      const over = (figure: (run: PhaseRun) => number): Spread => spreadOf(inPhase.map(figure))
      const boundSeconds = boundOf(workload, phase)
      const mean = (values: readonly number[]): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length
      const last = ({ times }: PhaseRun): number => Math.max(...times.map(({ done }) => done))
      const first = atOnceOf(workload, phase)
      return {
        title,
        workload,
        phase,
        contender,
        boundSeconds,
        nodeSeconds: {
          p50: over((run) => percentile(durationsOf(run), 0.5)),
          p99: over((run) => percentile(durationsOf(run), 0.99)),
        },
        lastSeconds: over(last),
        lastOverBound: over((run) => last(run) / boundSeconds),
        ...(phase === 'update' && {
          slowestLaterSeconds: over((run) => Math.max(...durationsOf(run).slice(first))),
        }),
        ...(workload.firstByte &&
          inPhase.every(tellsFirstByte) && {
            firstByteSeconds: over(({ times }) =>
              Math.max(...times.map(({ started, firstByte }) => (firstByte ?? Number.NaN) - started)),
            ),
          }),
        upstreamCopies: over(({ upstreamBytes }) => upstreamBytes / workload.bytes),
        upstreamRequests: over(({ upstreamRequests }) => upstreamRequests),
        wireCopiesPerNode: over(({ wireBytes }) => wireBytes / workload.bytes / workload.nodes),
        cpuSecondsPerNode: over(({ nodeUsage }) => mean(nodeUsage.map(({ cpuSeconds }) => cpuSeconds))),
        peakMemoryBytesPerNode: over(({ nodeUsage }) =>
          Math.max(...nodeUsage.map(({ peakMemoryBytes }) => peakMemoryBytes)),
        ),
        machineBusy: over(({ machineBusy }) => machineBusy),
      }
    }),
  )
}

/** A further contender need not. */
function tellsFirstByte({ times }: PhaseRun): boolean {
  return times.every(({ firstByte }) => firstByte !== undefined)
}

/** What each node took, from its own start. */
function durationsOf({ times }: PhaseRun): number[] {
  return times.map(({ started, done }) => done - started)
}
