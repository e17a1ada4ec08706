import type { OriginError } from '@shoal/content'
import type { Upstream } from './upstream-table.ts'

/** A mirror that could not be reached is spared this long, so that its time-out is not paid on every request. */
const restMs = 30_000

/** Which mirrors to ask before a registry, in the order of the settings: those that did not just fail. */
export class MirrorChoice {
  readonly #with: { readonly now: () => number; readonly onTrouble: (error: Error) => void }
  readonly #restUntil = new Map<Upstream, number>()

  constructor(init: { readonly now: () => number; readonly onTrouble: (error: Error) => void }) {
    this.#with = init
  }

  of(upstream: Upstream): Upstream[] {
    const now = this.#with.now()
    return upstream.mirrors.filter((mirror) => (this.#restUntil.get(mirror) ?? 0) <= now)
  }

  /** A mirror that does not have something may have all else; one that is in trouble rests. */
  failed(mirror: Upstream, fault: OriginError): void {
    if (fault.fault === 'not-found' || fault.fault === 'unauthorized') return
    this.#restUntil.set(mirror, this.#with.now() + Math.max(restMs, fault.retryAfterMs ?? 0))
    this.#with.onTrouble(fault)
  }
}
