import type { OriginListing } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { listReferrers, type ReferrersComponents } from './referrers.ts'
import { namespaceHeader, type ResponseHeaders, sendBuffer } from './respond.ts'
import type { ReferrersRoute, TagsRoute } from './router.ts'

export interface ListingHandlerInit extends ReferrersComponents {
  readonly firstByteTimeoutMs: number
}

/**
 * Serves a page of a repository's tags, or of the artifacts that refer to a manifest, as the origin has it
 * now.
 *
 * @throws what {@link refusalFor} turns into an answer, as long as nothing was sent
 */
export async function serveListing(
  exchange: Exchange,
  route: TagsRoute | ReferrersRoute,
  init: ListingHandlerInit,
): Promise<Delivery> {
  using deadline = new Deadline({
    what: 'the listing',
    afterMs: init.firstByteTimeoutMs,
    parent: exchange.signal,
  })
  const { signal } = deadline
  const { repository, query } = route
  const listing = await abortable(
    route.kind === 'tags'
      ? init.origin.listTags(repository, query, { signal })
      : listReferrers(init, route, { signal }),
    signal,
  )
  return sendListing(exchange, route, listing)
}

/** Sends a page, its link to the next one rewritten to lead here. */
export async function sendListing(
  exchange: Exchange,
  route: TagsRoute | ReferrersRoute,
  listing: OriginListing,
): Promise<Delivery> {
  const headers = { ...namespaceHeader(route), ...listingHeaders(route, listing) }
  return sendBuffer(exchange, 200, headers, listing.body)
}

function listingHeaders(route: TagsRoute | ReferrersRoute, listing: OriginListing): ResponseHeaders {
  const filters = Object.entries(listing.headers).find(
    ([name]) => name.toLowerCase() === 'oci-filters-applied',
  )?.[1]
  return {
    'Content-Type': printable(listing.mediaType) ? listing.mediaType : 'application/json',
    'Cache-Control': 'no-cache',
    ...(filters !== undefined && printable(filters) ? { 'OCI-Filters-Applied': filters } : {}),
    ...(listing.next === undefined ? {} : { Link: `<${nextPage(route, listing.next)}>; rel="next"` }),
  }
}

/** The next page, at this registry and of the same upstream. */
function nextPage(route: TagsRoute | ReferrersRoute, next: string): string {
  const query = new URLSearchParams(next)
  if (route.namespace !== undefined) query.set('ns', route.namespace)
  const path = route.kind === 'tags' ? 'tags/list' : `referrers/${route.digest}`
  return `/v2/${route.requestedName}/${path}?${query}`
}

/** An origin's words go into our headers only when they can. */
function printable(text: string): boolean {
  return text !== '' && /^[ -~]*$/.test(text)
}
