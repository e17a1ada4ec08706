import type { Origin, OriginListing } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { namespaceHeader, type ResponseHeaders, sendBuffer } from './respond.ts'
import type { ReferrersRoute, TagsRoute } from './router.ts'

export interface ListingHandlerInit {
  readonly origin: Origin
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
  { origin, firstByteTimeoutMs }: ListingHandlerInit,
): Promise<Delivery> {
  using deadline = new Deadline({
    what: 'the listing',
    afterMs: firstByteTimeoutMs,
    parent: exchange.signal,
  })
  const { signal } = deadline
  const { repository, query } = route
  const listing = await abortable(
    route.kind === 'tags'
      ? origin.listTags(repository, query, { signal })
      : origin.listReferrers(repository, route.digest, query, { signal }),
    signal,
  )
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
