import { InvalidInputError, OriginError, parseRegistryHost } from '@shoal/content'
import type { UpstreamSettings } from './origin-init.ts'

/** A registry, and how to talk to it. */
export interface Upstream {
  readonly registry: string
  /** Root of its API, without a slash at the end: `https://registry-1.docker.io/v2`. */
  readonly base: URL
  /** Whether a person named it in the settings: then it may be private, or without TLS. */
  readonly named: boolean
  readonly credentials?: Credentials
  readonly ca?: readonly string[]
  /** Origin of a token service elsewhere that may have the credentials. */
  readonly tokenService?: string
}

export interface Credentials {
  readonly username: string
  readonly password: string
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
    return { registry: host, base: apiRoot(new URL(url)), named: false }
  }

  /** The named upstream whose API is at this origin (`http://10.0.0.5:5000`). */
  ownerOf(origin: string): Upstream | undefined {
    for (const upstream of this.#byRegistry.values()) {
      if (upstream.base.origin === origin) return upstream
    }
    return undefined
  }
}

function readSettings(settings: UpstreamSettings): Upstream {
  const registry = parseRegistryHost(settings.registry)
  const { username, password, ca, tokenService } = settings
  if ((username === undefined) !== (password === undefined)) {
    throw invalid(registry, 'a user name takes a password, and a password a user name')
  }
  return {
    registry,
    base: apiRoot(readUrl(registry, settings.url)),
    named: true,
    ...(username !== undefined && password !== undefined ? { credentials: { username, password } } : {}),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? [ca] : ca }),
    ...(tokenService === undefined ? {} : { tokenService: readUrl(registry, tokenService).origin }),
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
