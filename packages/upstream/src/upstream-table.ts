import { InvalidInputError, OriginError, parseRegistryHost } from '@shoal/content'
import { type Identity, identify } from './identity.ts'
import type { MirrorSettings, UpstreamSettings } from './origin-init.ts'

/** A registry, and how to talk to it. */
export interface Upstream {
  readonly registry: string
  /** Root of its API, without a slash at the end: `https://registry-1.docker.io/v2`. */
  readonly base: URL
  /** Whether a person named it in the settings: then it may be private, or without TLS. */
  readonly named: boolean
  /** Whether it stands in for the registry itself. */
  readonly isMirror: boolean
  /** As whom the settings say it is asked. */
  readonly identity?: Identity
  readonly ca?: readonly string[]
  readonly clientCertificate?: { readonly cert: string; readonly key: string }
  /** Origin of a token service elsewhere that may have the credentials. */
  readonly tokenService?: string
  /** Connections at a time. */
  readonly maxConnections?: number
  readonly requestsPerSecond?: number
  /** What this node's credentials read is for everybody who can reach this node. */
  readonly isShared: boolean
  /** Asked before it, in this order. */
  readonly mirrors: readonly Upstream[]
}

/** `docker.io` is a name for people; the API has lived here since 2015. */
const dockerHub = 'https://registry-1.docker.io'

/** Which registry is where: those that the settings name, and by default any public one. */
export class UpstreamTable {
  readonly #byRegistry = new Map<string, Upstream>()
  readonly #only: boolean

  /** @throws InvalidInputError `UPSTREAM_INVALID` or `REGISTRY_INVALID` */
  constructor(settings: readonly UpstreamSettings[], only: boolean) {
    this.#only = only
    for (const one of settings) {
      const upstream = readSettings(one)
      if (this.#byRegistry.has(upstream.registry)) throw invalid(upstream.registry, 'it is named twice')
      this.#byRegistry.set(upstream.registry, upstream)
    }
  }

  /**
   * @throws OriginError `refused` for a registry that is not named while only those may be used
   * @throws InvalidInputError `REGISTRY_INVALID`
   */
  find(registry: string): Upstream {
    const host = parseRegistryHost(registry)
    const named = this.#byRegistry.get(host)
    if (named !== undefined) return named
    if (this.#only) {
      throw new OriginError(
        'refused',
        `registry ${host} is not one of the upstreams that this node may use; name it with --upstream ${host}=<url> to allow it`,
      )
    }
    const url = host === 'docker.io' ? dockerHub : `https://${host}`
    if (!URL.canParse(url)) {
      throw new InvalidInputError('REGISTRY_INVALID', `registry ${host} is not a host that can be dialled`)
    }
    const base = apiRoot(new URL(url))
    return { registry: host, base, named: false, isMirror: false, isShared: false, mirrors: [] }
  }

  /** The named upstream whose API is at this origin (`http://10.0.0.5:5000`). */
  ownerOf(origin: string): Upstream | undefined {
    const all = [...this.#byRegistry.values()].flatMap((upstream) => [upstream, ...upstream.mirrors])
    return all.find(({ base }) => base.origin === origin)
  }
}

function readSettings(settings: UpstreamSettings): Upstream {
  const registry = parseRegistryHost(settings.registry)
  const { tokenService, shared, mirrors = [] } = settings
  return {
    ...readEndpoint(registry, settings),
    isShared: shared ?? false,
    ...(tokenService === undefined ? {} : { tokenService: readUrl(registry, tokenService).origin }),
    mirrors: mirrors.map((mirror) => ({ ...readEndpoint(registry, mirror), isMirror: true })),
  }
}

function readEndpoint(registry: string, settings: MirrorSettings): Upstream {
  const { url, username, password, ca, cert, key, maxConnections, requestsPerSecond } = settings
  if ((username === undefined) !== (password === undefined)) {
    throw invalid(registry, 'a user name takes a password, and a password a user name')
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(registry, 'a client certificate takes its key, and a key its certificate')
  }
  return {
    registry,
    base: apiRoot(readUrl(registry, url)),
    named: true,
    isMirror: false,
    isShared: false,
    mirrors: [],
    ...(username !== undefined && password !== undefined
      ? { identity: identify({ username, password }) }
      : {}),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? [ca] : ca }),
    ...(cert !== undefined && key !== undefined ? { clientCertificate: { cert, key } } : {}),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  }
}

function readUrl(registry: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalid(registry, `expected a URL such as https://${registry}, got ${withoutSecrets(text)}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(registry, 'credentials go into the settings username and password, not into the URL')
  }
  if (url.search !== '' || url.hash !== '') throw invalid(registry, 'its URL takes no query and no fragment')
  return url
}

function apiRoot(url: URL): URL {
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  if (!segments.includes('v2')) segments.push('v2')
  return new URL(`/${segments.join('/')}`, url)
}

/** What can't be parsed may still hold a password before its `@`. */
function withoutSecrets(text: string): string {
  return JSON.stringify(text.slice(0, 160).replace(/[^/]*@/g, '***@'))
}

function invalid(registry: string, why: string): InvalidInputError {
  return new InvalidInputError('UPSTREAM_INVALID', `upstream ${registry}: ${why}`)
}
