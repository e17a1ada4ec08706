import { promises as dns, type LookupAddress, type SrvRecord } from 'node:dns'
import { isIP } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { abortable } from './abortable.ts'
import type { BootstrapSource } from './bootstrap-source.ts'

/** A name may stand for every node of a large cluster. */
const maxRecords = 256
const addressFamilies: Record<string, 0 | 4 | 6> = { dns: 0, dns4: 4, dns6: 6 }

/** What is asked of DNS. */
export interface NameService {
  lookup(name: string, family: 0 | 4 | 6): Promise<LookupAddress[]>
  srv(name: string): Promise<SrvRecord[]>
}

/** The resolver of this machine. Nothing is remembered: who restarts has another address. */
export const systemNames: NameService = {
  lookup: (name, family) => dns.lookup(name, { all: true, family }),
  srv: (name) => dns.resolveSrv(name),
}

/** A multiaddr; where it has a name, all addresses that the name has now. */
export class NamedAddress implements BootstrapSource {
  readonly text: string
  readonly #address: Multiaddr
  readonly #names: NameService

  constructor(text: string, address: Multiaddr, names: NameService) {
    this.text = text
    this.#address = address
    this.#names = names
  }

  async find(signal: AbortSignal): Promise<Multiaddr[]> {
    const [host, ...rest] = this.#address.getComponents()
    const family = host === undefined ? undefined : addressFamilies[host.name]
    if (host?.value === undefined || family === undefined) return [this.#address]
    const found = await abortable(this.#names.lookup(host.value, family), signal)
    const suffix = rest.map(({ name, value }) => `/${name}/${value}`).join('')
    return found.slice(0, maxRecords).map((entry) => addressOf(entry, suffix))
  }
}

/** DNS SRV records, which name ports too: of a headless Service, `_swarm._tcp.shoal.kube-system.svc.cluster.local`. */
export class ServiceRecords implements BootstrapSource {
  readonly text: string
  readonly #name: string
  readonly #names: NameService

  constructor(text: string, name: string, names: NameService) {
    this.text = text
    this.#name = name
    this.#names = names
  }

  async find(signal: AbortSignal): Promise<Multiaddr[]> {
    const records = await abortable(this.#names.srv(this.#name), signal)
    // RFC 2782: those of the lowest priority number first. Weights are left to chance, as bootstrap picks at random.
    const best = Math.min(...records.map(({ priority }) => priority))
    const hosts = records.filter(({ priority, port }) => priority === best && port > 0).slice(0, maxRecords)
    const found = await Promise.allSettled(hosts.map((record) => this.#addressesOf(record, signal)))
    const failed = found.find((result) => result.status === 'rejected')
    if (failed !== undefined && found.every(({ status }) => status === 'rejected')) throw failed.reason
    return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  }

  async #addressesOf({ name, port }: SrvRecord, signal: AbortSignal): Promise<Multiaddr[]> {
    const found = await abortable(this.#names.lookup(name, 0), signal)
    return found.map((entry) => addressOf(entry, `/tcp/${port}`))
  }
}

function addressOf({ address }: LookupAddress, suffix: string): Multiaddr {
  return multiaddr(`/ip${isIP(address)}/${address}${suffix}`)
}
