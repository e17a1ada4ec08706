import { isIP } from 'node:net'
import type { Upstream } from './upstream-table.ts'

const maxRealmLength = 2 * 1024

/** A token service that a registry may send us to. */
export interface Realm {
  readonly url: URL
  /** Part of the registry itself: it may have the registry's credentials, and its trust. */
  readonly own: boolean
}

/** Why a realm is not used; for an error message. */
export interface RefusedRealm {
  readonly refusal: string
}

/**
 * Whether to ask a token service for a token, and as whom. Over https only, but for the host of an upstream
 * that is itself without TLS. The registry's credentials go to the registry's own host, to a neighbour in its
 * domain, or to the service that its settings name; anybody else may be asked anonymously.
 */
export function vetRealm(text: string, upstream: Upstream, hasCredentials: boolean): Realm | RefusedRealm {
  if (text.length > maxRealmLength || !URL.canParse(text)) {
    return { refusal: 'its token service is not a URL' }
  }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    return { refusal: 'its token service is a URL with credentials in it' }
  }
  const declared = upstream.tokenService === url.origin
  const sameHost = url.hostname === upstream.base.hostname
  const plain = url.protocol === 'http:' && (declared || (sameHost && upstream.base.protocol === 'http:'))
  if (url.protocol !== 'https:' && !plain) {
    return { refusal: `its token service ${url.host} is not reached over https` }
  }
  const own = declared || sameHost || areNeighbours(url.hostname, upstream.base.hostname)
  if (!own && hasCredentials) {
    return {
      refusal: `it wants its credentials sent to ${url.host}, which is not part of it; set tokenService to ${url.origin} if it is`,
    }
  }
  return { url, own }
}

/** Second labels under which countries register domains: `example.co.uk`. */
const countrySeconds = /^(?:ac|co|com|edu|go|gob|gov|govt|in|ltd|me|mil|ne|net|nic|nom|or|org|plc|sch)$/
/** Domains in which every customer has a name: the next one is somebody else. */
const sharedDomains = new Set([
  ...['amazonaws.com', 'amazonaws.com.cn', 'appspot.com', 'azurecr.io', 'azurewebsites.net', 'azurefd.net'],
  ...['cloudfront.net', 'digitaloceanspaces.com', 'fly.dev', 'gcr.io', 'github.io', 'githubusercontent.com'],
  ...['gitlab.io', 'herokuapp.com', 'netlify.app', 'ngrok.io', 'on.aws', 'onrender.com', 'pages.dev'],
  ...['pkg.dev', 'run.app', 'trycloudflare.com', 'vercel.app', 'web.app', 'windows.net', 'workers.dev'],
])

/** Names in one domain that somebody registered: `auth.docker.io` and `registry-1.docker.io`. */
function areNeighbours(a: string, b: string): boolean {
  if (isIP(a) !== 0 || isIP(b) !== 0) return false
  const domain = registeredDomain(a)
  return domain !== undefined && domain === registeredDomain(b)
}

/** Undefined where that can't be told, or where the domain is of many. */
function registeredDomain(host: string): string | undefined {
  const labels = host.split('.')
  const [second = '', top = ''] = labels.slice(-2)
  const length = top.length === 2 && countrySeconds.test(second) ? 3 : 2
  const domain = labels.slice(-length).join('.')
  return labels.length < length || sharedDomains.has(domain) ? undefined : domain
}
