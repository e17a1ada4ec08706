/**
 * Points the container runtimes of a host at Shoal's shim, proves that it worked, and gives the host back as it was.
 *
 * - **Detect** ({@link planHost} begins with it): which runtimes serve, how they are configured, what they run with.
 * - **Plan**: pure functions, one for each way of configuring registries (`plan-containerd`, `plan-docker`,
 *   `plan-containers`): the state of the host in, changes with reasons out, and findings for what can't be done.
 * - **Apply** ({@link install}): the originals go into a journal on disk first; files are replaced whole; runtimes
 *   reload, and are restarted only when allowed; then a *canary*, an image that only the agent of this node can have
 *   made up, is pulled through each runtime. If the agent has not seen it, all is undone.
 * - **Undo** ({@link releaseHost}): byte for byte, owners, modes and times included. What others have changed since is
 *   merged: our lines stand between markers, and only they go.
 * - **Diagnose** ({@link diagnose}): what keeps pulls from the shim, a line each, with the remedy.
 *
 * @example
 * ```ts
 * const host = openHost({ root: '/host' })
 * const plan = await planHost(host, { shim: 'http://127.0.0.1:5005' })
 * const { rolledBack } = await install(host, plan, createAgentClient('127.0.0.1:5007'))
 * if (rolledBack) console.error(rolledBack.why)
 * await releaseHost(host)
 * ```
 *
 * @packageDocumentation
 */
export { type AgentClient, createAgentClient } from './agent-client.ts'
export type { CanaryResult } from './canary.ts'
export type { Change, Edit, MakeSymlink, WriteFile } from './change.ts'
export { type RuntimeFamily, runtimeFamilies } from './detect.ts'
export { type Diagnosis, diagnose } from './doctor.ts'
export { RuntimesError, type RuntimesFault } from './errors.ts'
export { type Host, type HostInit, openHost } from './host.ts'
export { type InstallPlan, type InstallReport, install, planHost } from './install.ts'
export { defaultStateDir } from './journal.ts'
export type { Activation, Finding, FindingCode, PlanOptions, Probe, RuntimePlan } from './plan.ts'
export { isBlocked } from './plan.ts'
export { publicRegistries } from './plan-containers.ts'
export type { Undone } from './undo.ts'
export { releaseHost, type UninstallReport } from './uninstall.ts'
