import type { HostState } from './host-state.ts'
import type { PlanOptions, RuntimePlan } from './plan.ts'
import { planContainerd } from './plan-containerd.ts'
import { planContainers } from './plan-containers.ts'
import { planDocker } from './plan-docker.ts'

/** What an install would do, for every runtime of the host. Pure: it changes nothing. */
export function planInstall(state: HostState, options: PlanOptions): readonly RuntimePlan[] {
  return [
    ...state.containerd.map((containerd) => planContainerd(containerd, options)),
    ...(state.docker === undefined ? [] : [planDocker(state.docker, options)]),
    ...state.containers.map((containers) => planContainers(containers, options)),
  ]
}
