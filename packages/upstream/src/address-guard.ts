import type { LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { buildConnector } from 'undici'
import type { HostLookup } from './origin-init.ts'

/** Addresses that IANA gives out for the public Internet (RFC 4291). */
const globalUnicast = ipaddr.IPv6.parse('2000::')
/** RFC 6052: an IPv4 address as nodes without IPv4 see it. */
const nat64 = ipaddr.IPv6.parse('64:ff9b::')

/** A host that is not named as an upstream has an address that is not public. */
export class PrivateAddressError extends Error {
  readonly hostname: string
  readonly address: string

  constructor(hostname: string, address: string) {
    super(`${hostname} resolves to the private address ${address}`)
    this.name = 'PrivateAddressError'
    this.hostname = hostname
    this.address = address
  }
}

/**
 * Whether an address is public unicast: not private, loopback, link-local, carrier-grade NAT, multicast,
 * reserved, or an IPv6 form that hides an IPv4 address. An address behind the well-known NAT64 prefix counts
 * as the IPv4 address in it, so that nodes with IPv6 only can reach registries with IPv4 only.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.parse(text)
  if (address.range() === 'unicast') {
    return address.kind() === 'ipv4' || (address as ipaddr.IPv6).match(globalUnicast, 3)
  }
  return (
    address.kind() === 'ipv6' &&
    (address as ipaddr.IPv6).match(nat64, 96) &&
    isPublicAddress(address.toByteArray().slice(12).join('.'))
  )
}

/**
 * A connector that dials public addresses only. The addresses that it checks are those that it dials, so a
 * name that answers differently the next time gains nothing.
 */
export function guardedConnector(
  options: buildConnector.BuildOptions,
  lookup: HostLookup,
): buildConnector.connector {
  const connect = buildConnector({ ...options, lookup: socketLookup(guarded(lookup)) })
  return (target, callback) => {
    // A literal address is dialled without a look-up.
    if (isIP(target.hostname) !== 0 && !isPublicAddress(target.hostname)) {
      callback(new PrivateAddressError(target.hostname, target.hostname), null)
    } else {
      connect(target, callback)
    }
  }
}

/** Refuses a name when any of its addresses is not public. */
export function guarded(lookup: HostLookup): HostLookup {
  return async (hostname) => {
    const found = await lookup(hostname)
    for (const { address } of found) {
      if (!isPublicAddress(address)) throw new PrivateAddressError(hostname, address)
    }
    return found
  }
}

/** A look-up in the form that sockets take. */
export function socketLookup(lookup: HostLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname).then(
      (found) => {
        const wanted = found.filter(({ family }) => fits(options.family, family))
        const first = wanted[0]
        if (first === undefined) callback(noAddress(hostname), '', 0)
        else if (options.all === true) callback(null, wanted)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }
}

function fits(wanted: number | 'IPv4' | 'IPv6' | undefined, family: LookupAddress['family']): boolean {
  if (wanted === undefined || wanted === 0) return true
  return family === (wanted === 'IPv4' ? 4 : wanted === 'IPv6' ? 6 : wanted)
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address found for ${hostname}`), { code: 'ENOTFOUND' })
}
