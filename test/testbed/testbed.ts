import { run } from '../harness/run.ts'
import { Host } from './host.ts'
import { namespaceName, removeNamespace, removeStaleNamespaces, thisProcess } from './namespace.ts'
import { cardShaping, portShaping } from './shaping.ts'

export interface HostInit {
  /** Lower case letters, digits and dashes. */
  readonly name: string
  /** Of its link, each way, in bytes per second; unshaped if undefined. */
  readonly rate?: number
}

/** What went over a host's link since it was made, headers included. */
export interface LinkBytes {
  readonly sent: number
  readonly received: number
}

/**
 * Every host may have every other as its neighbour; the kernel keeps 1,024 of those for all namespaces together.
 */
const maxHosts = 32
/** Jumbo frames, as in most data centres: with short ones, the machine's cores would be the limit long before the links. */
const mtu = 9_000
const network = '10.64.0.0/16'
const mainBridge = 'br0'
let testbedsStarted = 0

/**
 * Hosts on one switch. Each is a network namespace, the switch is a bridge in one of its own, so nothing of the machine's
 * own network changes and many testbeds can be there at once. A link is a pair of interfaces, both ends of which are shaped:
 * what a host sends where it leaves the host, what it receives where it leaves the switch.
 */
export class Testbed implements AsyncDisposable {
  readonly hosts: readonly Host[]
  readonly #switch: string
  #bridges = 1

  private constructor(hosts: readonly Host[], switchNamespace: string) {
    this.hosts = hosts
    this.#switch = switchNamespace
  }

  /**
   * Removes what testbeds of dead processes have left, and makes the hosts, in the order of their addresses.
   *
   * @throws when the machine can't; {@link whyNoTestbed} tells in a sentence
   */
  static async start(inits: readonly HostInit[]): Promise<Testbed> {
    if (inits.length > maxHosts)
      throw new Error(`a testbed has at most ${maxHosts} hosts, not ${inits.length}`)
    await removeStaleNamespaces()
    const owner = await thisProcess()
    const number = testbedsStarted++
    const hosts = inits.map(({ name }, index) => {
      if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`${name} is no name for a host`)
      return new Host({ name, address: addressOf(index), namespace: namespaceName(owner, number, name) })
    })
    const testbed = new Testbed(hosts, namespaceName(owner, number, 'the.switch'))
    try {
      await testbed.#startSwitch()
      for (const [port, { rate }] of inits.entries()) await testbed.#connect(port, rate)
    } catch (error) {
      await testbed[Symbol.asyncDispose]()
      throw error
    }
    return testbed
  }

  /** @throws when no host has this name */
  host(name: string): Host {
    const host = this.hosts.find((candidate) => candidate.name === name)
    if (host === undefined) throw new Error(`the testbed has no host ${name}`)
    return host
  }

  /**
   * Cuts the network: hosts of one group reach each other only, and so do those that are in no group. What is sent
   * across is lost, as by a switch without power; connections stay open. A partition takes the place of the one before.
   */
  async partition(...groups: readonly (readonly Host[])[]): Promise<void> {
    for (; this.#bridges <= groups.length; this.#bridges++) await this.#addBridge(`br${this.#bridges}`)
    const bridgeOf = (host: Host): string => `br${groups.findIndex((group) => group.includes(host)) + 1}`
    await this.#configureSwitch(
      this.hosts.map((host, port) => `link set ${portName(port)} master ${bridgeOf(host)}`),
    )
  }

  /** Everybody reaches everybody again. */
  async heal(): Promise<void> {
    await this.partition()
  }

  /** What each host's link has carried, read from the switch's ports. */
  async linkBytes(): Promise<ReadonlyMap<Host, LinkBytes>> {
    const links = JSON.parse(await run('ip', ['-n', this.#switch, '-s', '-j', 'link', 'show'])) as {
      ifname: string
      stats64: { rx: { bytes: number }; tx: { bytes: number } }
    }[]
    const counters = new Map(links.map(({ ifname, stats64 }) => [ifname, stats64]))
    return new Map(
      this.hosts.map((host, port) => {
        const counter = counters.get(portName(port))
        if (counter === undefined) throw new Error(`the switch has lost its port to ${host.name}`)
        return [host, { sent: counter.rx.bytes, received: counter.tx.bytes }]
      }),
    )
  }

  /** Ends every process on every host, and removes the hosts. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#switch, ...this.hosts.map(({ namespace }) => namespace)].map(removeNamespace))
  }

  async #startSwitch(): Promise<void> {
    await run('ip', ['netns', 'add', this.#switch])
    await this.#addBridge(mainBridge)
  }

  async #addBridge(name: string): Promise<void> {
    await this.#configureSwitch([
      // Without waiting for other switches, and without asking who wants multicast.
      `link add ${name} mtu ${mtu} type bridge forward_delay 0 mcast_snooping 0`,
      `link set ${name} addrgenmode none`,
      `link set ${name} up`,
    ])
  }

  async #configureSwitch(lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.#switch, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }

  async #connect(port: number, rate: number | undefined): Promise<void> {
    const host = this.hosts[port] as Host
    const { namespace, address } = host
    const device = portName(port)
    await run('ip', ['netns', 'add', namespace])
    await this.#configureSwitch([
      `link add ${device} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${namespace}`,
      `link set ${device} addrgenmode none`,
      `link set ${device} master ${mainBridge} up`,
    ])
    const lines = [
      'link set lo up',
      'link set eth0 addrgenmode none',
      `addr add ${address}/${network.split('/')[1]} dev eth0`,
      'link set eth0 up',
      // Linux's default, whatever this machine has: what its hosts do must not depend on that.
      `route replace ${network} dev eth0 src ${address} congctl cubic`,
    ]
    await run('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    if (rate === undefined) return
    await shape(namespace, cardShaping('eth0', rate))
    await shape(this.#switch, portShaping(device, rate))
  }
}

async function shape(namespace: string, lines: readonly string[]): Promise<void> {
  await run('tc', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** Why there can be no testbed on this machine; undefined if there can. */
export async function whyNoTestbed(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces are Linux only'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    await using _ = await Testbed.start([{ name: 'probe', rate: 1e6 }])
    return undefined
  } catch (error) {
    return `no network namespace with a shaped link can be made: ${(error as Error).message.split('\n')[0]}`
  }
}

/** The hosts of a cluster: the upstream registry's first, then `node-1` and so on. Rates in bytes per second. */
export function clusterHosts(cluster: { nodes: number; link: number; upstream: number }): HostInit[] {
  const nodes = Array.from({ length: cluster.nodes }, (_, index) => ({
    name: `node-${index + 1}`,
    rate: cluster.link,
  }))
  return [{ name: 'upstream', rate: cluster.upstream }, ...nodes]
}

function addressOf(index: number): string {
  return `10.64.0.${index + 1}`
}

function portName(port: number): string {
  return `port${port}`
}
