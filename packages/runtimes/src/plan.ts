import type { Change } from './change.ts'

/** The choices of whoever installs. */
export interface PlanOptions {
  /** `http://127.0.0.1:5005` */
  readonly shim: string
  /** Registries to send through the shim; containerd and Docker's containerd store take all when there are none. */
  readonly registries?: readonly string[] | undefined
  /** Whether a runtime may be restarted where nothing less will do. */
  readonly allowRestart?: boolean | undefined
}

export interface Finding {
  /** `blocked`: nothing is changed for this runtime. `warning`: something does not work as it could. */
  readonly level: 'blocked' | 'warning' | 'note'
  /** Stable, for programs. */
  readonly code: FindingCode
  /** What is, in one line. */
  readonly what: string
  /** What to do about it, in one line. */
  readonly remedy: string
}

export type FindingCode =
  | 'config-path-unset'
  | 'config-path-list'
  | 'config-path-legacy'
  | 'restart-pending'
  | 'read-only'
  | 'hidden-default'
  | 'own-certificates'
  | 'plain-http-tls'
  | 'unreadable-file'
  | 'no-cri'
  | 'regenerated'
  | 'mirror-flag'
  | 'tls-hole'
  | 'not-reloaded'
  | 'unsupported-version'
  | 'docker-hub-only'
  | 'blocked-registry'
  | 'user-configuration'
  | 'not-inspected'
  | 'not-serving'
  | 'half-installed'
  | 'changed-since'
  | 'other-shim'
  | 'shim-down'
  | 'agent-down'
  | 'journal-damaged'
  | 'not-installed'

/** What makes a runtime take the changes. */
export type Activation =
  | { readonly kind: 'reload'; readonly pid: number; readonly program: string }
  | { readonly kind: 'docker-reload'; readonly pid: number; readonly socket: string; readonly mirror: string }
  | { readonly kind: 'restart'; readonly unit: string; readonly socket: string }

/** How a pull through the runtime is tried. */
export type Probe =
  | { readonly kind: 'cri'; readonly socket: string }
  | { readonly kind: 'docker'; readonly socket: string }
  | { readonly kind: 'containers'; readonly user: { uid: number; gid: number; home: string } | undefined }

/** What an install does for one runtime, and why. */
export interface RuntimePlan {
  /** `containerd`, `k3s`, `docker`, `podman`, `podman of alice`, … */
  readonly runtime: string
  readonly version: string | undefined
  readonly changes: readonly Change[]
  readonly activations: readonly Activation[]
  readonly findings: readonly Finding[]
  /** Undefined when no pull can be tried, or none is worth it. */
  readonly probe: Probe | undefined
  /** Registries of which a pull must reach the shim. */
  readonly proves: readonly string[]
}

export function isBlocked({ findings }: RuntimePlan): boolean {
  return findings.some(({ level }) => level === 'blocked')
}
