export interface BootstrapSchedule {
  /** Delay after the first round that reached nobody, in milliseconds; doubled after each further one. */
  readonly firstDelayMs: number
  /** Longest delay while nobody is connected, in milliseconds. */
  readonly longestDelayMs: number
  /** Delay while somebody is, in milliseconds: rejoins the halves of a cluster that was cut in two. */
  readonly connectedDelayMs: number
}

/** 0.5 s is soon enough to be in the cluster before the first image; 30 s spares an address that is gone. */
export const defaultBootstrapSchedule: BootstrapSchedule = {
  firstDelayMs: 500,
  longestDelayMs: 30_000,
  connectedDelayMs: 60_000,
}

export interface BootstrapState {
  readonly isConnected: boolean
  /** Rounds in a row after which nobody was connected. */
  readonly failures: number
}

/**
 * How long to wait before the bootstrap addresses are tried again, in milliseconds. Spread over half to one and a
 * half times, so that nodes which start together do not call together.
 */
export function bootstrapDelay(
  state: BootstrapState,
  schedule: BootstrapSchedule,
  random: () => number,
): number {
  const { firstDelayMs, longestDelayMs, connectedDelayMs } = schedule
  const backoffMs = Math.min(
    longestDelayMs,
    firstDelayMs * 2 ** Math.max(0, Math.min(state.failures, 30) - 1),
  )
  return (state.isConnected ? connectedDelayMs : backoffMs) * (0.5 + random())
}
