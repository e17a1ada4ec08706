import type { Descriptor, MetadataStore, Origin, Repository, TagHints, TagRecord } from '@shoal/content'
import { LRUCache } from 'lru-cache'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import { explain } from './refusal.ts'
import { allowsStaleTag, isServable } from './tag-policy.ts'

/**
 * How long a failure, or a stale answer, stands in for asking again. Longer ones lock out a registry that is
 * back.
 */
const failureTtlMs = 5_000
/** Tags of which the last outcome is remembered; a node pulls tens. */
const maxOutcomes = 4096
/** Parts of the whole time that the origin and the peers get; the rest is for fetching the manifest. */
const originShare = 0.6
const hintShare = 0.2

export interface TagResolverComponents {
  readonly origin: Origin
  readonly metadata: MetadataStore
  readonly tagHints?: TagHints | undefined
  readonly report: ReportDegraded
}

export interface TagResolverInit {
  /** How long the origin's answer is taken for current. */
  readonly tagTtlMs: number
  /** How old an answer may be that serves while the origin can't be asked. */
  readonly staleTagMaxAgeMs: number
  /** The time in which a manifest has to be served, of which resolving gets a part. */
  readonly manifestTimeoutMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface ResolvedTag {
  readonly descriptor: Descriptor
  /** Set when the origin did not confirm it now. */
  readonly stale?: {
    /** Milliseconds since the epoch. */
    readonly resolvedAt: number
    /** Why the origin could not be asked, as a sentence. */
    readonly why: string
  }
}

type Outcome = { readonly expiresAt: number } & (
  | { readonly resolved: ResolvedTag }
  | { readonly error: unknown }
)

/**
 * What tags stand for. The origin says, so that no peer can redirect a tag; those who ask at the same time
 * share one HEAD. Only while the origin can't answer does the last known record serve: this node's, else a
 * peer's.
 */
export class TagResolver {
  readonly #components: TagResolverComponents
  readonly #init: TagResolverInit
  readonly #outcomes = new LRUCache<string, Outcome>({ max: maxOutcomes })
  readonly #inFlight = new Map<string, Promise<Outcome>>()
  readonly #stopping = new AbortController()

  constructor(components: TagResolverComponents, init: TagResolverInit) {
    this.#components = components
    this.#init = init
  }

  /**
   * @throws OriginError or DeadlineError when neither the origin nor a young enough record answers
   */
  async resolve(
    repository: Repository,
    tag: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ResolvedTag> {
    const key = `${repository.registry}/${repository.name}:${tag}`
    const outcome = this.#remembered(key) ?? (await abortable(this.#shared(key, repository, tag), signal))
    if ('error' in outcome) throw outcome.error
    return outcome.resolved
  }

  /** Ends what is under way. */
  close(reason: Error): void {
    this.#stopping.abort(reason)
  }

  #remembered(key: string): Outcome | undefined {
    const outcome = this.#outcomes.get(key)
    return outcome !== undefined && this.#init.now() < outcome.expiresAt ? outcome : undefined
  }

  #shared(key: string, repository: Repository, tag: string): Promise<Outcome> {
    const running = this.#inFlight.get(key)
    if (running !== undefined) return running
    const asking = this.#ask(repository, tag)
      .then((outcome) => {
        this.#outcomes.set(key, outcome)
        return outcome
      })
      .finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, asking)
    return asking
  }

  /** Never rejects: a failure is an outcome too, shared and remembered like any other. */
  async #ask(repository: Repository, tag: string): Promise<Outcome> {
    const { now, tagTtlMs } = this.#init
    try {
      const descriptor = await this.#askOrigin(repository, tag)
      await this.#record(repository, tag, { descriptor, resolvedAt: now() })
      return { resolved: { descriptor }, expiresAt: now() + tagTtlMs }
    } catch (error) {
      const expiresAt = now() + Math.min(failureTtlMs, tagTtlMs)
      const known = allowsStaleTag(error) ? await this.#lastKnown(repository, tag) : undefined
      if (known === undefined) return { error, expiresAt }
      const { descriptor, resolvedAt } = known
      return { resolved: { descriptor, stale: { resolvedAt, why: explain(error).why } }, expiresAt }
    }
  }

  async #askOrigin(repository: Repository, tag: string): Promise<Descriptor> {
    using deadline = this.#deadline(`asking ${repository.registry} for the tag`, originShare)
    const { signal } = deadline
    return await abortable(this.#components.origin.resolve(repository, tag, { signal }), signal)
  }

  async #record(repository: Repository, tag: string, record: TagRecord): Promise<void> {
    const { metadata, tagHints, report } = this.#components
    try {
      using deadline = this.#deadline('recording a tag', hintShare)
      const writing = Promise.all([
        metadata.putTag(repository, tag, record),
        metadata.putDescriptors([record.descriptor]),
      ])
      await abortable(writing, deadline.signal)
      tagHints?.announce(repository, tag)
    } catch (error) {
      report('record tag', error)
    }
  }

  async #lastKnown(repository: Repository, tag: string): Promise<TagRecord | undefined> {
    const { metadata, tagHints } = this.#components
    const own = await this.#servable('look up tag', () => metadata.getTag(repository, tag))
    if (own !== undefined || tagHints === undefined) return own
    return this.#servable('ask peers for tag', (signal) => tagHints.find(repository, tag, { signal }))
  }

  async #servable(
    operation: string,
    find: (signal: AbortSignal) => Promise<TagRecord | undefined>,
  ): Promise<TagRecord | undefined> {
    const { now, staleTagMaxAgeMs } = this.#init
    try {
      using deadline = this.#deadline(operation, hintShare)
      const record = await abortable(find(deadline.signal), deadline.signal)
      return record !== undefined && isServable(record, now(), staleTagMaxAgeMs) ? record : undefined
    } catch (error) {
      this.#components.report(operation, error)
      return undefined
    }
  }

  #deadline(what: string, share: number): Deadline {
    return new Deadline({
      what,
      afterMs: this.#init.manifestTimeoutMs * share,
      parent: this.#stopping.signal,
    })
  }
}
