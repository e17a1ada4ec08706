import type { Workspace } from '../../harness/workspace.ts'
import type { Contender } from './contender.ts'
import type { ImageStore } from './image-store.ts'
import type { CaseRuns } from './results.ts'
import { type PhaseRun, runContender } from './run-contender.ts'
import type { Case } from './suite.ts'

export interface RunCaseInit {
  readonly contenders: readonly Contender[]
  readonly store: ImageStore
  readonly workspace: Workspace
  /** Called before each run. */
  readonly onRun: (contender: string, repetition: number) => void
}

/** Runs every contender on a workload, again and again in turn, so that what else the machine does falls on all alike. */
export async function runCase(one: Case, init: RunCaseInit): Promise<CaseRuns> {
  const { workspace, store, onRun } = init
  const { workload, only } = one
  const images = await store.imagesOf(workload)
  const contenders = init.contenders.filter(({ name }) => only?.includes(name) ?? true)
  const runs = new Map<string, PhaseRun[][]>(contenders.map(({ name }) => [name, []]))
  for (let repetition = 0; repetition < workload.repetitions; repetition++) {
    // Everybody is first once.
    const first = repetition % Math.max(1, contenders.length)
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      onRun(contender.name, repetition)
      const run = await runContender({ contender, workload, images, storage: store.storage, workspace })
      runs.get(contender.name)?.push(run)
    }
  }
  return {
    ...one,
    contenders: contenders.map(({ name }) => ({ contender: name, runs: runs.get(name) ?? [] })),
  }
}
