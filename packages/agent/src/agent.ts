import type { Cache } from '@shoal/cache'
import {
  type AbortOptions,
  type BlobStore,
  InvalidInputError,
  type MetadataStore,
  type Origin,
  type Repository,
  type UploadStore,
} from '@shoal/content'
import { createRegistry, type InheritedSocket, type ListenAddress, type RegistryEvent } from '@shoal/registry'
import { createSwarm, generateClusterSecret, type Swarm, type SwarmInit } from '@shoal/swarm'
import { type CredentialSource, createOrigin, dockerConfig, kubeletProviders } from '@shoal/upstream'
import { type AdminServer, startAdminServer } from './admin-server.ts'
import type { AgentState, AgentStatus } from './agent-status.ts'
import { CacheBooks } from './cache-books.ts'
import { startControlServer } from './cache-control/control-server.ts'
import { LocalControl } from './cache-control/local-control.ts'
import { type AccessibleOrigin, CanaryLog, withCanaries } from './canary-origin.ts'
import { Closers } from './closers.ts'
import { ownClusterSecret, warnOfReadableSecret } from './cluster-secret-file.ts'
import { isLoopback } from './config/addresses.ts'
import { parseSeconds } from './config/duration.ts'
import type { AgentConfig } from './config/load-config.ts'
import { ConfigurationError } from './config/problems.ts'
import type { Settings } from './config/schema.ts'
import type { Logger } from './logging.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type AgentCache, openAgentCache } from './open-agent-cache.ts'
import { listenFault } from './readable-fault.ts'
import { listensElsewhere } from './socket-activation.ts'
import { StartError } from './start-error.ts'
import { TransferLedger } from './transfer-ledger.ts'
import { version } from './version.ts'

/**
 * How long each part may take to close, in milliseconds; the registry after its drain. Together less than 6 s, so that with the
 * drain's default an agent ends within the 10 s that many who send SIGTERM allow.
 */
const closeMs = { registry: 1_000, swarm: 2_000, origin: 500, control: 200, cache: 1_500, admin: 500 }

/** Where an agent can be reached, as bound: port 0 has become a real one. */
export interface AgentAddresses {
  readonly registry: string
  readonly admin: string
  /** Multiaddrs with the peer id, ready for `--bootstrap`. */
  readonly swarm: readonly string[]
}

export interface AgentOptions extends AbortOptions {
  /** What the registry listens on in place of `registry.listen`. */
  readonly registrySocket?: InheritedSocket | undefined
}

/** One node: cache, origin, swarm and registry shim joined, with the books and the admin listener beside them. */
export class Agent {
  readonly #config: AgentConfig
  readonly #log: Logger
  readonly #closers: Closers
  readonly #ledger: TransferLedger
  readonly #metrics: Metrics
  readonly #canaries = new CanaryLog()
  #state: AgentState = 'starting'
  #swarm: Swarm | undefined
  #addresses: AgentAddresses | undefined
  #stopping: Promise<void> | undefined

  private constructor(config: AgentConfig, log: Logger) {
    this.#config = config
    this.#log = log
    this.#closers = new Closers(log)
    this.#ledger = new TransferLedger(log)
    this.#metrics = createMetrics(() => this.#swarm?.connectedPeers().length ?? 0)
  }

  /**
   * Opens every part, or none: what was opened is closed again when a later one fails.
   *
   * @throws StartError or StoreError with one line that says what to do; ConfigurationError for a secret that could
   *   be guessed, and whatever else a part finds wrong with its settings
   */
  static async start(config: AgentConfig, log: Logger, options: AgentOptions = {}): Promise<Agent> {
    const agent = new Agent(config, log)
    try {
      await agent.#open(options)
      return agent
    } catch (error) {
      await agent.stop()
      throw agent.#blame(error)
    }
  }

  get addresses(): AgentAddresses {
    if (this.#addresses === undefined) throw new StartError('the agent has no addresses before it started')
    return this.#addresses
  }

  status(): AgentStatus {
    return {
      version,
      state: this.#state,
      peer: this.#swarm?.peer ?? '',
      addresses: this.#swarm?.addresses() ?? [],
      peers: this.#swarm?.connectedPeers() ?? [],
      transfers: this.#ledger.totals,
      downloads: this.#swarm?.downloads() ?? [],
    }
  }

  /** Lets clients finish, then closes every part in reverse order. Idempotent; takes less than 6 s and `registry.drain`. */
  stop(): Promise<void> {
    this.#state = 'stopping'
    this.#stopping ??= this.#closers.closeAll()
    return this.#stopping
  }

  async #open({ signal, registrySocket }: AgentOptions): Promise<void> {
    const { settings, upstreams } = this.#config
    const admin = await this.#openAdmin()
    const { cache, isAttached } = await this.#openCache(signal)
    const clusterSecret = await this.#clusterSecret(isAttached)
    const registries = createOrigin({
      upstreams,
      only: settings.upstreams.only,
      credentials: credentialSources(settings.credentials),
      userAgent: `shoal/${version}`,
      onTrouble: (err) => this.#log.warn({ err }, 'upstream asked without it'),
    })
    this.#closers.add('origin', closeMs.origin, () => registries.stop())
    const origin = withCanaries(registries, this.#canaries)
    const { blobs, metadata } = cache
    signal?.throwIfAborted()
    const dataDir = isAttached ? settings.dataDir : undefined
    const swarm = await this.#openSwarm({ blobs, metadata, origin }, { clusterSecret, dataDir })
    if (isAttached) await this.#openControl(cache, swarm)
    const stores = { metadata, origin, uploads: cache.uploads }
    const registry = await this.#openRegistry(stores, swarm, registrySocket)

    this.#addresses = { registry, admin: hostPort(admin.address), swarm: swarm.addresses() }
    this.#state = 'ready'
  }

  /** Makes the data directory, in which the cluster secret may be kept too. Takes long only after a crash. */
  async #openCache(signal: AbortSignal | undefined): Promise<AgentCache> {
    const books = new CacheBooks(this.#log, this.#metrics)
    const opened = await openAgentCache(this.#config, { books, log: this.#log }, { signal })
    this.#closers.add('cache', closeMs.cache, () => opened.cache.stop())
    return opened
  }

  /** @param isAttached - whether the data directory can be written; if not, this node may have to be alone */
  async #clusterSecret(isAttached: boolean): Promise<string> {
    const { settings, clusterSecret } = this.#config
    if (clusterSecret === undefined) {
      return isAttached ? ownClusterSecret(settings.dataDir, this.#log) : generateClusterSecret()
    }
    await warnOfReadableSecret(settings.cluster.secretFile ?? '', this.#log)
    return clusterSecret
  }

  /** Opened first, so that a probe can see a start that takes long. */
  async #openAdmin(): Promise<AdminServer> {
    const { listen } = this.#config.settings.admin
    const components = {
      status: () => this.status(),
      canaries: () => this.#canaries.list(),
      metrics: this.#metrics.registry,
    }
    const admin = await this.#bind('admin.listen', listen, () => startAdminServer(components, listen))
    this.#closers.add('admin', closeMs.admin, () => admin.stop())
    return admin
  }

  async #openSwarm(
    stores: { blobs: BlobStore; metadata: MetadataStore; origin: Origin },
    own: Pick<SwarmInit, 'clusterSecret' | 'dataDir'>,
  ): Promise<Swarm> {
    const { listen, announce, bootstrap, zone } = this.#config.settings.swarm
    const components = {
      ...stores,
      onEvent: (event: Parameters<TransferLedger['record']>[0]) => {
        this.#ledger.record(event)
        this.#metrics.record(event)
      },
      logger: this.#log,
    }
    const init = { listen, announce, bootstrap, zone, ...own }
    const swarm = await this.#bind('swarm.listen', listen.join(', '), () => createSwarm(components, init))
    this.#closers.add('swarm', closeMs.swarm, () => swarm.stop())
    this.#swarm = swarm
    return swarm
  }

  /** What `shoal cache` talks to. */
  async #openControl(cache: Cache, { tagHints }: Swarm): Promise<void> {
    const onNamed = (repository: Repository, tag: string) => tagHints.announce(repository, tag)
    const server = await startControlServer(
      new LocalControl({ cache, onNamed }),
      this.#config.settings.dataDir,
    )
    this.#closers.add('control', closeMs.control, () => server.stop())
  }

  async #openRegistry(
    stores: { metadata: MetadataStore; origin: AccessibleOrigin; uploads: UploadStore },
    swarm: Swarm,
    inherited: InheritedSocket | undefined,
  ): Promise<string> {
    const { listen, drain } = this.#config.settings.registry
    const drainTimeoutMs = parseSeconds(drain) ?? 0
    const { content, tagHints } = swarm
    const components = {
      ...stores,
      access: stores.origin.access,
      ...(this.#config.settings.registry.push === 'passthrough' ? { push: stores.origin.push } : {}),
      content,
      tagHints,
      isAlone: () => swarm.isAlone,
      onEvent: (event: RegistryEvent) => this.#served(event),
    }
    const registry = createRegistry(components, { listen: inherited ?? listen, drainTimeoutMs })
    if (inherited === undefined) await this.#bind('registry.listen', listen, () => registry.start())
    else await registry.start()
    this.#closers.add('registry', drainTimeoutMs + closeMs.registry, () => registry.stop())
    if (inherited !== undefined) this.#compareWithSettings(registry.address)
    return hostPort(registry.address)
  }

  /** Of an inherited socket, the one that made it chose the address. */
  #compareWithSettings(address: ListenAddress): void {
    const { listen, exposed } = this.#config.settings.registry
    const inherited = hostPort(address)
    if (!exposed && !isLoopback(address.host)) {
      const setting = this.#config.nameOf('registry.exposed')
      throw new StartError(
        `the inherited socket listens on ${inherited}: expected a loopback address, unless ${setting} is set`,
      )
    }
    if (!listensElsewhere(address, listen)) return
    const configured = `${listen} (${this.#config.nameOf('registry.listen')})`
    this.#log.warn({ inherited, configured }, 'listening on the inherited socket, not where configured')
  }

  #served(event: RegistryEvent): void {
    const { type, ...fields } = event
    if (type === 'request') this.#metrics.recordRequest(event)
    if (type === 'request') this.#log.debug(fields, 'request served')
    else this.#log.warn({ operation: event.operation, err: event.error }, 'served, but not as it should be')
  }

  /** Names the address and its setting when it can't be listened on. */
  async #bind<Result>(path: string, address: string, open: () => Promise<Result>): Promise<Result> {
    try {
      return await open()
    } catch (cause) {
      const fault = listenFault(cause)
      if (fault === undefined) throw cause
      const name = this.#config.nameOf(path)
      throw new StartError(`can't listen on ${address} (${name}): ${fault}`, { cause })
    }
  }

  /** What the parts find wrong with their settings is the configuration's fault, which names the place. */
  #blame(error: unknown): unknown {
    if (!(error instanceof InvalidInputError)) return error
    const isSecret = error.code === 'CLUSTER_SECRET_INVALID'
    const name = isSecret ? `${this.#config.nameOf('cluster.secretFile')}: ` : ''
    return new ConfigurationError([`${name}${error.message}`], { cause: error })
  }
}

function credentialSources({
  files,
  providerConfig,
  providerBinDir,
}: Settings['credentials']): CredentialSource[] {
  const sources = files.map((path) => dockerConfig(path))
  if (providerConfig === undefined || providerBinDir === undefined) return sources
  return [...sources, kubeletProviders({ configFile: providerConfig, binDir: providerBinDir })]
}

function hostPort({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
