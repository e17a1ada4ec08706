import { distributionBound } from '../figures/bound.ts'
import type { Scenario } from './scenario.ts'

/**
 * No swarm can be faster, in milliseconds from the first arrival to the last completion: the bound of any distribution,
 * and the narrowest downlink can't begin before its node arrives. Behind a thin line between zones each zone but the
 * first gets one copy through it.
 */
export function boundOf({ nodes, size, upstream, link, slow, arrival, zones, zoneLink }: Scenario): number {
  const slowNodes = Math.round(slow * nodes)
  const narrowestDownlink = slowNodes > 0 ? link / 10 : link
  const uplinks = (nodes - slowNodes) * link + slowNodes * (link / 10)
  const bounds = [
    distributionBound({ size, nodes, upstream, narrowestDownlink, uplinks }),
    arrival + size / narrowestDownlink,
  ]
  if (zones > 1 && zoneLink !== undefined) bounds.push(size / zoneLink)
  return Math.max(...bounds)
}
