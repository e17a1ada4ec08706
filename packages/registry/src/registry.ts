import type {
  ContentSource,
  MetadataStore,
  Origin,
  OriginAccess,
  OriginPush,
  TagHints,
  UploadStore,
} from '@shoal/content'
import { AccessGate } from './access-gate.ts'
import { type AccessTimes, defaultAccessTimes } from './access-policy.ts'
import { type DispatcherInit, dispatch } from './dispatcher.ts'
import type { RegistryListener, ReportDegraded } from './events.ts'
import { StoppingError } from './exchange.ts'
import type { InheritedSocket, ListenAddress } from './listen-address.ts'
import { ManifestsAhead } from './manifests-ahead.ts'
import { ManifestsAtOnce } from './manifests-at-once.ts'
import { PushKeeper } from './push-keeper.ts'
import { ReferenceResolver } from './reference-resolver.ts'
import { RepositoryContents } from './repository-contents.ts'
import { type DrainTimes, ShimServer } from './shim-server.ts'

export interface RegistryComponents {
  readonly content: ContentSource
  readonly origin: Origin
  /** Who may read what. */
  readonly access: OriginAccess
  readonly metadata: MetadataStore
  /** Takes pushes on to the registries. @default pushes are refused */
  readonly push?: OriginPush | undefined
  /** Keeps what is pushed on the way. @default it is fetched afterwards */
  readonly uploads?: UploadStore | undefined
  readonly tagHints?: TagHints | undefined
  /**
   * Whether no other node is known that could have a manifest: then it is fetched in one request with what its tag stands
   * for, if `uploads` can keep it. @default never
   */
  readonly isAlone?: (() => boolean) | undefined
  readonly onEvent?: RegistryListener | undefined
}

export interface RegistryInit {
  /** `host:port`, of which port 0 takes a free one; or a socket that is there already. */
  readonly listen: string | InheritedSocket
  /**
   * How long a tag's digest is taken for current. Long enough that the pods of one roll-out, and a client's
   * HEAD and GET, share one look-up; short enough that what was just pushed is what gets pulled.
   *
   * @default 10_000
   */
  readonly tagTtlMs?: number | undefined
  /**
   * How old a tag's digest may be that is served while its registry is down or limits our rate. A day covers
   * an outage, and nodes that pull an image daily.
   *
   * @default 86_400_000
   */
  readonly staleTagMaxAgeMs?: number | undefined
  /**
   * From a manifest's request to its answer; then 404. Few clients have a limit of their own (containerd 2.3:
   * 30 s).
   *
   * @default 8_000
   */
  readonly manifestTimeoutMs?: number | undefined
  /**
   * From a blob's or a listing's request to the first byte; then 404. Less than the 15 s in which people take a pull for
   * hung, and long enough for a busy node: Podman and CRI-O fail the pull on a blob's 404.
   *
   * @default 14_500
   */
  readonly firstByteTimeoutMs?: number | undefined
  /**
   * How long a body may stand still for want of bytes; then it breaks, and the client resumes or goes
   * elsewhere.
   *
   * @default 14_000
   */
  readonly stallTimeoutMs?: number | undefined
  /**
   * How long the body of a push may stand still for want of bytes from the client. Docker compresses while it sends, and
   * is never silent for long.
   *
   * @default 60_000
   */
  readonly bodyIdleTimeoutMs?: number | undefined
  /**
   * How long {@link Registry.stop} lets pulls that are under way go on.
   *
   * @default 5_000
   */
  readonly drainTimeoutMs?: number | undefined
  /**
   * How long nobody has to have asked for anything before {@link Registry.stop} takes all pulls for ended. Podman, Skopeo
   * and CRI-O ask for the next layer when they have written the one before.
   *
   * @default 2_000
   */
  readonly drainQuietMs?: number | undefined
  /** How long verdicts on who may read what hold. */
  readonly accessTimes?: Partial<AccessTimes> | undefined
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined
}

/** A pull-only registry for the container runtimes of this node. */
export interface Registry {
  /**
   * @throws ListenError when it can't listen there
   * @throws InvalidInputError `LISTEN_INVALID`
   */
  start(): Promise<void>
  /**
   * Sends clients elsewhere that would begin a pull, lets pulls that are under way go on for a while, then closes every
   * connection. Idempotent.
   */
  stop(): Promise<void>
  /** Where it listens, with the port that it got. @throws ShoalError `NOT_STARTED` */
  readonly address: ListenAddress
}

/** Creates the registry; it listens once started. */
export function createRegistry(components: RegistryComponents, init: RegistryInit): Registry {
  return new HttpRegistry(components, init)
}

/** Of the time in which a manifest has to be served, for the question who may read it, asked now and then. */
const verdictShare = 0.75

class HttpRegistry implements Registry {
  readonly #listen: string | InheritedSocket
  readonly #drainTimes: DrainTimes
  readonly #tags: ReferenceResolver
  readonly #gate: AccessGate
  readonly #keeper: PushKeeper
  readonly #ahead: ManifestsAhead
  readonly #atOnce: ManifestsAtOnce
  readonly #server: ShimServer
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(components: RegistryComponents, init: RegistryInit) {
    const { content, origin, access, metadata, push, tagHints, onEvent = () => undefined } = components
    const report: ReportDegraded = (operation, error) => onEvent({ type: 'degraded', operation, error })
    const { listen, manifestTimeoutMs = 8_000, drainTimeoutMs = 5_000 } = init
    this.#listen = listen
    this.#drainTimes = { timeoutMs: drainTimeoutMs, quietMs: init.drainQuietMs ?? 2_000 }
    const { staleTagMaxAgeMs = 24 * 3_600_000, now = Date.now } = init
    this.#gate = new AccessGate(
      { access, metadata, tagHints, report },
      {
        times: { ...defaultAccessTimes, ...init.accessTimes },
        timeoutMs: manifestTimeoutMs * verdictShare,
        staleTagMaxAgeMs,
        now,
      },
    )
    this.#tags = new ReferenceResolver(
      { origin, metadata, tagHints, report },
      {
        tagTtlMs: init.tagTtlMs ?? 10_000,
        staleTagMaxAgeMs,
        manifestTimeoutMs,
        now,
      },
    )
    this.#ahead = new ManifestsAhead(manifestTimeoutMs)
    const { uploads, isAlone = () => false } = components
    this.#atOnce = new ManifestsAtOnce({ metadata, uploads, isAlone, report })
    this.#keeper = new PushKeeper({ uploads, report })
    const dispatcher: DispatcherInit = {
      content,
      origin,
      metadata,
      push,
      report,
      onEvent,
      gate: this.#gate,
      contents: new RepositoryContents(),
      keeper: this.#keeper,
      tags: this.#tags,
      ahead: this.#ahead,
      atOnce: this.#atOnce,
      manifestTimeoutMs,
      firstByteTimeoutMs: init.firstByteTimeoutMs ?? 14_500,
      stallTimeoutMs: init.stallTimeoutMs ?? 14_000,
      isLeaving: () => this.#server.isLeaving,
    }
    this.#server = new ShimServer({
      report,
      takesBodies: push !== undefined,
      bodyIdleMs: init.bodyIdleTimeoutMs ?? 60_000,
      handle: (exchange) => dispatch(exchange, dispatcher),
    })
  }

  get address(): ListenAddress {
    return this.#server.address
  }

  start(): Promise<void> {
    this.#starting ??= this.#server.listen(this.#listen)
    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await Promise.allSettled([this.#starting]) // a start that failed was told to whoever called it
    await this.#server.drain(this.#drainTimes)
    this.#keeper.close()
    this.#gate.close(new StoppingError())
    this.#tags.close(new StoppingError())
    await this.#ahead.close(new StoppingError())
    await this.#atOnce.close(new StoppingError())
  }
}
