import { setTimeout as delay } from 'node:timers/promises'
import { activate } from './activate.ts'
import type { AgentClient } from './agent-client.ts'
import { applyChanges, markInstalled } from './apply.ts'
import { type CanaryResult, sendCanaries } from './canary.ts'
import { detectHost } from './detect.ts'
import { RuntimesError } from './errors.ts'
import type { Host } from './host.ts'
import { systemCode } from './host-files.ts'
import { isBlocked, type PlanOptions, type RuntimePlan } from './plan.ts'
import { planInstall } from './plan-install.ts'
import { releaseHost, type UninstallReport } from './uninstall.ts'

/** A reload takes milliseconds: this is for a busy node. */
const reloadTimeoutMs = 5_000
const sendAgainMs = 250

export interface InstallPlan {
  readonly shim: string
  readonly runtimes: readonly RuntimePlan[]
  /** Runtimes that are there and could not be looked at. */
  readonly unseen: readonly { readonly what: string; readonly why: string }[]
}

export interface InstallReport {
  readonly changed: readonly string[]
  readonly canaries: readonly CanaryResult[]
  /** Set when a canary was not seen, or a runtime did not take its configuration: the host is as it was. */
  readonly rolledBack?: { readonly why: string; readonly report: UninstallReport }
}

/** Looks at the host and says what an install would do. Changes nothing. */
export async function planHost({ files, families }: Host, options: PlanOptions): Promise<InstallPlan> {
  const state = await detectHost(files, families)
  return { shim: options.shim, runtimes: planInstall(state, options), unseen: state.unseen }
}

/**
 * Carries a plan out: journal, files, reloads, then a canary through every runtime. If one does not reach the shim
 * the host gets back what it had.
 *
 * @param agent - undefined to go without the canaries
 */
export async function install(
  host: Host,
  plan: InstallPlan,
  agent: AgentClient | undefined,
): Promise<InstallReport> {
  const { files, journal } = host
  // Before anything is changed: an agent that is not there could confirm nothing.
  await agent?.canaries()
  const open = plan.runtimes.filter((runtime) => !isBlocked(runtime))
  const changes = open.flatMap((runtime) => runtime.changes)
  const unique = changes.filter(
    (change, index) => changes.findIndex(({ path }) => path === change.path) === index,
  )
  try {
    if (unique.length > 0) await applyChanges(unique, { files, journal, shim: plan.shim })
    for (const runtime of open) for (const activation of runtime.activations) await activate(activation, host)
    const canaries = agent === undefined ? [] : await verify(open, host, agent)
    await markInstalled(journal)
    return { changed: unique.map(({ path }) => path), canaries }
  } catch (error) {
    // Whatever went wrong: a host that is half changed is worse than one that is not.
    const report = await releaseHost(host)
    if (!(error instanceof RuntimesError) && systemCode(error) === '') throw error
    const canaries = error instanceof Unseen ? error.canaries : []
    return { changed: [], canaries, rolledBack: { why: (error as Error).message, report } }
  }
}

class Unseen extends RuntimesError {
  readonly canaries: readonly CanaryResult[]

  constructor(canaries: readonly CanaryResult[]) {
    const lost = canaries.filter(({ seen }) => !seen)
    const names = lost.map(
      ({ runtime, registry, error }) => `${runtime} from ${registry}${error ? ` (${error})` : ''}`,
    )
    super('not-seen', `a test pull did not come by the shim: ${names.join('; ')}`)
    this.canaries = canaries
  }
}

async function verify(runtimes: readonly RuntimePlan[], { files }: Host, agent: AgentClient) {
  const canaries: CanaryResult[] = []
  for (const runtime of runtimes)
    canaries.push(...(await sendUntilSeen(runtime, () => sendCanaries(runtime, { files, agent }))))
  if (canaries.some(({ seen }) => !seen)) throw new Unseen(canaries)
  return canaries
}

/** Who is told to read its files again does not say when it has: what comes too early goes where pulls went before. */
async function sendUntilSeen(
  { activations }: RuntimePlan,
  send: () => Promise<CanaryResult[]>,
): Promise<CanaryResult[]> {
  const isTold = activations.some(({ kind }) => kind === 'reload')
  const deadline = performance.now() + (isTold ? reloadTimeoutMs : 0)
  for (;;) {
    const results = await send()
    if (results.every(({ seen }) => seen) || performance.now() >= deadline) return results
    await delay(sendAgainMs)
  }
}
