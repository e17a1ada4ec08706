import { detectContainerd } from './detect-containerd.ts'
import { detectContainers } from './detect-containers.ts'
import { detectDocker } from './detect-docker.ts'
import type { HostFiles } from './host-files.ts'
import type { HostState } from './host-state.ts'

/** Families of runtimes, as `--runtime` names them. `podman` is all that reads registries.conf, CRI-O included. */
export const runtimeFamilies = ['containerd', 'docker', 'podman'] as const
export type RuntimeFamily = (typeof runtimeFamilies)[number]

/** Looks at the host: which runtimes serve, how they are configured. Changes nothing. */
export async function detectHost(
  files: HostFiles,
  families: readonly RuntimeFamily[] = runtimeFamilies,
): Promise<HostState> {
  const unseen: { what: string; why: string }[] = []
  const report = (what: string, error: unknown) => {
    unseen.push({ what, why: error instanceof Error ? error.message : String(error) })
  }
  const has = (family: RuntimeFamily) => families.includes(family)
  return {
    containerd: has('containerd') ? await detectContainerd(files, report) : [],
    docker: has('docker') ? await detectDocker(files, report) : undefined,
    containers: has('podman') ? await detectContainers(files, report) : [],
    unseen,
  }
}
