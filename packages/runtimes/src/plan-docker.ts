import { addMirror, isSame, parseDaemonJson } from './daemon-json.ts'
import { RuntimesError } from './errors.ts'
import type { DockerState } from './host-state.ts'
import type { Finding, PlanOptions, RuntimePlan } from './plan.ts'
import { planHosts, readOnly } from './plan-hosts.ts'

/** The first Docker whose containerd store reads hosts.toml. */
const firstWithHosts = 28

/**
 * Docker's two image stores need two ways. The containerd store reads hosts.toml for each pull; a mirror on
 * loopback in `registry-mirrors` would make it skip the verification of Docker Hub's certificate as well. The
 * graph drivers know `registry-mirrors` only, for Docker Hub only, and take it on SIGHUP.
 */
export function planDocker(state: DockerState, options: PlanOptions): RuntimePlan {
  const plan: RuntimePlan = {
    runtime: 'docker',
    version: state.version,
    changes: [],
    activations: [],
    findings: [],
    probe: { kind: 'docker', socket: state.socket },
    proves: [],
  }
  return state.store === 'containerd' ? planHostsToml(plan, state, options) : planMirror(plan, state, options)
}

function planHostsToml(plan: RuntimePlan, state: DockerState, options: PlanOptions): RuntimePlan {
  if (Number.parseInt(state.version, 10) < firstWithHosts)
    return { ...plan, findings: [oldContainerdStore(state)] }
  const hosts = planHosts([state.hosts], options)
  return {
    ...plan,
    changes: hosts.changes,
    findings: [...holes(state, options.shim), ...hosts.findings],
    proves: hosts.proves,
  }
}

function planMirror(plan: RuntimePlan, state: DockerState, { shim, registries }: PlanOptions): RuntimePlan {
  const hub = 'docker.io'
  if (registries !== undefined && !registries.includes(hub)) return { ...plan, findings: [hubOnly()] }
  const isLive = state.mirrors.some((mirror) => isSame(mirror, shim))
  if (state.flagMirrors.length > 0) {
    const isFlag = state.flagMirrors.some((mirror) => isSame(mirror, shim))
    return isFlag ? { ...plan, proves: [hub] } : { ...plan, findings: [mirrorFlag(state, shim)] }
  }
  const { path, text = '', writable } = state.configFile
  try {
    const { 'registry-mirrors': mirrors = [] } = parseDaemonJson(text, path)
    const isWritten = mirrors.some((mirror) => isSame(mirror, shim))
    if (isWritten && isLive) return { ...plan, findings: [hubOnly()], proves: [hub] }
    if (!isWritten && !writable) return { ...plan, findings: [readOnly(path)] }
    if (state.pid === undefined) return { ...plan, findings: [noProcess()] }
    const reason =
      'dockerd asks registry-mirrors before Docker Hub; mirrors that are there stay, after the shim'
    const edit = { kind: 'mirror', url: shim } as const
    const change = { kind: 'write-file', path, text: addMirror(text, shim, path), edit, reason } as const
    const reload = { kind: 'docker-reload', pid: state.pid, socket: state.socket, mirror: shim } as const
    return {
      ...plan,
      changes: isWritten ? [] : [change],
      activations: [reload],
      findings: isWritten ? [notReloaded(path), hubOnly()] : [hubOnly()],
      proves: [hub],
    }
  } catch (error) {
    if (!(error instanceof RuntimesError)) throw error
    const remedy = `mend ${path}, then run shoal install again`
    return { ...plan, findings: [{ level: 'blocked', code: 'unreadable-file', what: error.message, remedy }] }
  }
}

function holes({ mirrors }: DockerState, shim: string): Finding[] {
  const loopback = mirrors.filter((mirror) => /^http:\/\/(?:127\.|localhost|\[::1\])/.test(mirror))
  return loopback.map((mirror) => ({
    level: 'warning',
    code: 'tls-hole',
    what: `registry-mirrors has ${mirror}: with the containerd image store Docker then pulls from Docker Hub without verifying its certificate`,
    remedy: `write "registry-mirrors": [] and reload dockerd${isSame(mirror, shim) ? '; shoal install uses hosts.toml instead' : ''}`,
  }))
}

function oldContainerdStore({ version }: DockerState): Finding {
  return {
    level: 'blocked',
    code: 'unsupported-version',
    what: `Docker ${version} with the containerd image store reads no hosts.toml, and registry-mirrors would switch off certificate checks`,
    remedy: `upgrade to Docker ${firstWithHosts} or later, or switch features.containerd-snapshotter off`,
  }
}

function mirrorFlag({ configFile, flagMirrors }: DockerState, shim: string): Finding {
  return {
    level: 'blocked',
    code: 'mirror-flag',
    what: `dockerd was started with --registry-mirror=${flagMirrors.join(',')}: with the key in ${configFile.path} as well it would not start again`,
    remedy: `move the flag into "registry-mirrors" of ${configFile.path} and restart dockerd, or add --registry-mirror=${shim} in front of it`,
  }
}

function noProcess(): Finding {
  return {
    level: 'blocked',
    code: 'not-inspected',
    what: "dockerd's process can't be seen from here, so it can't be told to read daemon.json again",
    remedy: "run on the host, or in a container in the host's PID namespace (hostPID: true)",
  }
}

function notReloaded(path: string): Finding {
  return {
    level: 'warning',
    code: 'not-reloaded',
    what: `${path} has the shim, but the dockerd that runs does not`,
    remedy: 'reload it: systemctl reload docker, or kill -HUP its process',
  }
}

function hubOnly(): Finding {
  return {
    level: 'note',
    code: 'docker-hub-only',
    what: "Docker's graph drivers send only Docker Hub's images through a mirror",
    remedy: 'for other registries switch to the containerd image store of Docker 28 or later',
  }
}
