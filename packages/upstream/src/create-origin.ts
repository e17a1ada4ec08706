import { type Origin, type OriginAccess, OriginError, type OriginPush } from '@shoal/content'
import { AccessClient } from './access-client.ts'
import { Authorizer } from './authorizer.ts'
import { Connections } from './connections.ts'
import { HttpClient } from './http-client.ts'
import { Identities } from './identities.ts'
import { MirrorChoice } from './mirror-choice.ts'
import { OriginClient } from './origin-client.ts'
import { type OriginInit, timeoutsOf } from './origin-init.ts'
import { Pace } from './pace.ts'
import { PushClient } from './push-client.ts'
import { Requester } from './requester.ts'
import { TokenCache } from './token-cache.ts'
import { TokenService } from './token-service.ts'
import { UpstreamTable } from './upstream-table.ts'

/** An {@link Origin} that has connections to close. */
export interface RunningOrigin extends Origin {
  /** Whom the registries let read what. */
  readonly access: OriginAccess
  /** Carries pushes. */
  readonly push: OriginPush
  /** Ends all requests and connections. Bodies that are being read throw; later calls do too. Idempotent. */
  stop(): Promise<void>
}

/**
 * Makes the client of the registries that images come from. It dials nobody until it is asked for something.
 *
 * @throws InvalidInputError `UPSTREAM_INVALID` or `REGISTRY_INVALID` for settings that make no sense
 */
export function createOrigin(init: OriginInit = {}): RunningOrigin {
  const { upstreams = [], only = false, now = Date.now, random = Math.random } = init
  const timeouts = timeoutsOf(init)
  const table = new UpstreamTable(upstreams, only)
  const connections = new Connections(init, timeouts)
  const http = new HttpClient(init, timeouts, connections)
  const authorizer = new Authorizer(new TokenCache(now), new TokenService({ http, table, now }))
  const lifetime = new AbortController()
  const { credentials: sources = [], onTrouble = () => undefined } = init
  const identities = new Identities({ sources, now, onTrouble })
  const mirrors = new MirrorChoice({ now, onTrouble })
  const pace = new Pace({ now, lifetime: lifetime.signal })
  const requester = new Requester({
    ...{ http, table, authorizer, identities, mirrors, pace, now, random },
    lifetime: lifetime.signal,
  })
  const shared = { table, requester, documentTimeoutMs: timeouts.documentMs }
  const client = new OriginClient(shared)
  return Object.assign(client, {
    access: new AccessClient({ ...shared, identities }),
    push: new PushClient({ table, connections, timeouts }),
    async stop() {
      lifetime.abort(new OriginError('unavailable', 'the client of origin registries has stopped'))
      await connections.stop()
    },
  })
}
