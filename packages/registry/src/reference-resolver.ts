import {
  type Descriptor,
  isDigest,
  type MetadataStore,
  type Origin,
  type Repository,
  type TagHints,
  type TagRecord,
} from '@shoal/content'
import { LRUCache } from 'lru-cache'
import { isOriginAway } from './access-policy.ts'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import { isServable } from './record-policy.ts'
import { explain } from './refusal.ts'

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

export interface ReferenceResolverComponents {
  readonly origin: Origin
  readonly metadata: MetadataStore
  readonly tagHints?: TagHints | undefined
  readonly report: ReportDegraded
}

export interface ReferenceResolverInit {
  /** How long the origin's answer is taken for current. */
  readonly tagTtlMs: number
  /** How old an answer may be that serves while the origin can't be asked. */
  readonly staleTagMaxAgeMs: number
  /** The time in which a manifest has to be served, of which resolving gets a part. */
  readonly manifestTimeoutMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface ResolvedReference {
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
  | { readonly resolved: ResolvedReference }
  | { readonly error: unknown }
)

/** A manifest by its tag or its digest, and what is known of the repository. */
export interface Reference {
  readonly repository: Repository
  /** A tag, or a digest. */
  readonly text: string
  /** Whether anybody may read the repository. Peers are told of, and asked for, no others. */
  readonly isPublic: boolean
  /** Why the origin can't be asked just now: then it is not waited for. */
  readonly trouble?: unknown
  /** What the origin said of it within this request, to whom may read it. */
  readonly seen?: Descriptor | undefined
}

/**
 * What tags stand for, and whether a digest is one of the repository. The origin says, so that no peer can redirect a
 * tag; those who ask at the same time share one HEAD. Only while the origin can't answer does the last known record
 * serve: this node's, else a peer's.
 */
export class ReferenceResolver {
  readonly #components: ReferenceResolverComponents
  readonly #init: ReferenceResolverInit
  readonly #outcomes = new LRUCache<string, Outcome>({ max: maxOutcomes })
  readonly #inFlight = new Map<string, Promise<Outcome>>()
  readonly #stopping = new AbortController()

  constructor(components: ReferenceResolverComponents, init: ReferenceResolverInit) {
    this.#components = components
    this.#init = init
  }

  /**
   * @throws OriginError or DeadlineError when neither the origin nor a young enough record answers
   */
  async resolve(
    reference: Reference,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ResolvedReference> {
    const { repository, text } = reference
    const key = `${repository.registry}/${repository.name}:${text}`
    const outcome =
      this.#remembered(key, reference) ?? (await abortable(this.#shared(key, reference), signal))
    if ('error' in outcome) throw outcome.error
    return outcome.resolved
  }

  /** Asks anew for all of a repository: it has changed. */
  forget({ registry, name }: Repository): void {
    const prefix = `${registry}/${name}:`
    for (const key of this.#outcomes.keys()) if (key.startsWith(prefix)) this.#outcomes.delete(key)
  }

  /** Ends what is under way. */
  close(reason: Error): void {
    this.#stopping.abort(reason)
  }

  #remembered(key: string, { seen }: Reference): Outcome | undefined {
    const outcome = this.#outcomes.get(key)
    if (seen !== undefined && outcome !== undefined && 'error' in outcome) return undefined // there it is
    return outcome !== undefined && this.#init.now() < outcome.expiresAt ? outcome : undefined
  }

  #shared(key: string, reference: Reference): Promise<Outcome> {
    const running = this.#inFlight.get(key)
    if (running !== undefined) return running
    const asking = this.#ask(reference)
      .then((outcome) => {
        this.#outcomes.set(key, outcome)
        return outcome
      })
      .finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, asking)
    return asking
  }

  /** Never rejects: a failure is an outcome too, shared and remembered like any other. */
  async #ask(reference: Reference): Promise<Outcome> {
    const { now, tagTtlMs } = this.#init
    try {
      if (reference.trouble !== undefined) throw reference.trouble
      const descriptor = reference.seen ?? (await this.#askOrigin(reference))
      this.#record(reference, descriptor)
      return { resolved: { descriptor }, expiresAt: now() + tagTtlMs }
    } catch (error) {
      const expiresAt = now() + Math.min(failureTtlMs, tagTtlMs)
      const known = isOriginAway(error) ? await this.#lastKnown(reference) : undefined
      if (known === undefined) return { error, expiresAt }
      const { descriptor, resolvedAt } = known
      return { resolved: { descriptor, stale: { resolvedAt, why: explain(error).why } }, expiresAt }
    }
  }

  async #askOrigin({ repository, text }: Reference): Promise<Descriptor> {
    using deadline = this.#deadline(`asking ${repository.registry} for the manifest`, originShare)
    const { signal } = deadline
    const { origin } = this.#components
    const asking = isDigest(text)
      ? origin.describe({ repository, kind: 'manifest', digest: text }, { signal })
      : origin.resolve(repository, text, { signal })
    return await abortable(asking, signal)
  }

  /** Nobody waits for the disk: the store has it at once for those who ask. */
  #record({ repository, text, isPublic }: Reference, descriptor: Descriptor): void {
    const record = { descriptor, resolvedAt: this.#init.now(), isPublic }
    const { metadata, tagHints, report } = this.#components
    Promise.all([metadata.putTag(repository, text, record), metadata.putDescriptors([descriptor])])
      .then(() => {
        if (isPublic) tagHints?.announce(repository, text)
      })
      .catch((error) => report('record tag', error))
  }

  async #lastKnown({ repository, text, isPublic }: Reference): Promise<TagRecord | undefined> {
    const { metadata, tagHints } = this.#components
    const own = await this.#servable('look up tag', () => metadata.getTag(repository, text))
    if (own !== undefined || tagHints === undefined || !isPublic) return own
    const told = await this.#servable('ask peers for tag', (signal) =>
      tagHints.find(repository, text, { signal }),
    )
    // A digest stands for itself, whatever a peer says.
    return isDigest(text) && told?.descriptor.digest !== text ? undefined : told
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
