import { Daemon, type DaemonInit } from './daemon.ts'
import { type RunOptions, run } from './run.ts'

/** Where programs run: this machine as it is, or a host of a testbed. */
export interface Machine {
  /** Starts a program that runs until it is stopped. */
  start(init: DaemonInit): Promise<Daemon>
  /** Runs a program to its end and returns its standard output. */
  run(file: string, args: readonly string[], options?: RunOptions): Promise<string>
}

export const thisMachine: Machine = { start: (init) => Daemon.start(init), run }
