import { isIP } from 'node:net'
import { InvalidInputError, parseRegistryHost } from '@shoal/content'

/** Splits `host:port`; an IPv6 address stands in brackets. Undefined when it is neither. */
export function splitHostPort(value: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9.-]+)):([0-9]{1,5})$/.exec(value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) return undefined
  if (match?.[1] !== undefined && isIP(host) !== 6) return undefined
  return { host, port }
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

export function isHostPort(value: string): boolean {
  return splitHostPort(value) !== undefined
}

/** A multiaddr that a node can listen on; port 0 lets the system choose. */
export function isListenAddress(value: string): boolean {
  const match = /^\/ip([46])\/([^/]+)\/tcp\/([0-9]{1,5})$/.exec(value)
  return match !== null && isIP(match[2] ?? '') === Number(match[1]) && Number(match[3]) <= 65_535
}

/** Base58 of a multihash: of an Ed25519 key, which Shoal's nodes have, a secp256k1 key or an RSA key's hash. */
const peerIdPattern =
  /^(?:12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|16Uiu2HA[1-9A-HJ-NP-Za-km-z]{45}|Qm[1-9A-HJ-NP-Za-km-z]{44})$/

/** A multiaddr that a peer can be dialled at, with or without its peer id. */
export function isPeerAddress(value: string): boolean {
  const match = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/([0-9]{1,5})(?:\/p2p\/([^/]+))?$/.exec(value)
  const [, protocol = '', host = '', port, peer] = match ?? []
  if (match === null || Number(port) < 1 || Number(port) > 65_535) return false
  if (peer !== undefined && !peerIdPattern.test(peer)) return false
  if (protocol.startsWith('dns')) return /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,252}$/.test(host)
  return isIP(host) === Number(protocol.at(-1))
}

/** Where first peers are found: a peer's address, `srv:<DNS name>`, `file:<path>` or `mdns`. */
export function isBootstrap(value: string): boolean {
  const [, kind, rest = ''] = /^(srv|file):(.+)$/s.exec(value) ?? []
  if (kind === 'srv') return /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,252}$/.test(rest)
  return kind === 'file' || value === 'mdns' || isPeerAddress(value)
}

/** The base URL of a registry. Credentials don't belong there: they would show in logs and process lists. */
export function isRegistryUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

export function isRegistryHost(value: string): boolean {
  try {
    parseRegistryHost(value)
    return true
  } catch (error) {
    if (error instanceof InvalidInputError) return false // the question was whether it parses
    throw error
  }
}
