import type { Scenario } from './scenario.ts'

/**
 * No swarm can be faster, in milliseconds from the first arrival to the last completion: upstream sends one copy, the
 * narrowest downlink takes one, and N copies pass through all uplinks (Kumar and Ross, 2006). Behind a thin line between
 * zones each zone but the first gets one copy through it.
 */
export function boundOf({ nodes, size, upstream, link, slow, arrival, zones, zoneLink }: Scenario): number {
  const slowNodes = Math.round(slow * nodes)
  const narrowest = slowNodes > 0 ? link / 10 : link
  const uplinks = (nodes - slowNodes) * link + slowNodes * (link / 10)
  const copies = [size / upstream, arrival + size / narrowest, (nodes * size) / (upstream + uplinks)]
  if (zones > 1 && zoneLink !== undefined) copies.push(size / zoneLink)
  return Math.max(...copies)
}
