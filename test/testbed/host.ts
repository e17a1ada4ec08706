import { Daemon, type DaemonInit } from '../harness/daemon.ts'
import { type RunOptions, run } from '../harness/run.ts'
import { processesIn, signalProcesses } from './namespace.ts'

/** One host of a testbed: a network namespace with an address of its own and a link to the switch. */
export class Host {
  readonly name: string
  /** IPv4. */
  readonly address: string
  /** As `ip netns` knows it. */
  readonly namespace: string

  constructor({ name, address, namespace }: Pick<Host, 'name' | 'address' | 'namespace'>) {
    this.name = name
    this.address = address
    this.namespace = namespace
  }

  /** The command that runs a program on this host: it takes the place of `nsenter`, so signals go to the program. */
  command(file: string, args: readonly string[] = []): { file: string; args: string[] } {
    return { file: 'nsenter', args: [`--net=/run/netns/${this.namespace}`, '--', file, ...args] }
  }

  /** Starts a program that runs until it is stopped, or until the testbed ends. */
  async start(init: DaemonInit): Promise<Daemon> {
    return await Daemon.start({ ...init, ...this.command(init.file, init.args) })
  }

  /** Runs a program to its end and returns its standard output. */
  async run(file: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    const command = this.command(file, args)
    return await run(command.file, command.args, options)
  }

  /** Ids of the processes that run on this host. */
  async processes(): Promise<number[]> {
    return await processesIn(this.namespace)
  }

  /**
   * SIGKILL to every process. Its kernel goes on, so peers see connections close at once; to have the host vanish
   * without a word, take it off the network before ({@link Testbed.partition}).
   */
  async kill(): Promise<void> {
    await signalProcesses(this.namespace, 'SIGKILL')
  }

  /** Every process stops where it is. Connections stay open, and nobody answers. */
  async freeze(): Promise<void> {
    await signalProcesses(this.namespace, 'SIGSTOP')
  }

  /** Every process goes on where it was frozen. */
  async thaw(): Promise<void> {
    await signalProcesses(this.namespace, 'SIGCONT')
  }
}
