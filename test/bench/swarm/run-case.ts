import type { Workspace } from '../../harness/workspace.ts'
import type { Contender } from './contender.ts'
import type { ImageStore } from './image-store.ts'
import type { CaseRuns, FailedRun } from './results.ts'
import { type PhaseRun, type RunInit, runContender } from './run-contender.ts'
import type { Case } from './suite.ts'

/** A run that fails is done anew, and told of; an hour's measurements must not end with it. */
const maxAttempts = 3

export interface RunCaseInit {
  readonly contenders: readonly Contender[]
  readonly store: ImageStore
  readonly workspace: Workspace
  /** Called before each run. */
  readonly onRun: (contender: string, repetition: number) => void
  readonly onFailed: (run: FailedRun) => void
}

/** Runs every contender on a workload, again and again in turn, so that what else the machine does falls on all alike. */
export async function runCase(one: Case, init: RunCaseInit): Promise<CaseRuns> {
  const { workspace, store, onRun, onFailed } = init
  const { workload, only } = one
  const images = await store.imagesOf(workload)
  const warmUp = await store.warmUp()
  const contenders = init.contenders.filter(({ name }) => only?.includes(name) ?? true)
  const runs = new Map<string, PhaseRun[][]>(contenders.map(({ name }) => [name, []]))
  const failures: FailedRun[] = []
  const failed = (run: FailedRun): void => {
    failures.push(run)
    onFailed(run)
  }
  for (let repetition = 0; repetition < workload.repetitions; repetition++) {
    // Everybody is first once.
    const first = repetition % Math.max(1, contenders.length)
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      onRun(contender.name, repetition)
      const { storage } = store
      const run = { contender, workload, images, warmUp, storage, workspace }
      runs.get(contender.name)?.push(await runUntilItSucceeds(run, failed))
    }
  }
  return {
    ...one,
    failures,
    contenders: contenders.map(({ name }) => ({ contender: name, runs: runs.get(name) ?? [] })),
  }
}

async function runUntilItSucceeds(init: RunInit, onFailed: (run: FailedRun) => void): Promise<PhaseRun[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runContender(init)
    } catch (error) {
      if (attempt === maxAttempts) throw error
      onFailed({ contender: init.contender.name, reason: (error as Error).message.split('\n')[0] ?? '' })
    }
  }
}
