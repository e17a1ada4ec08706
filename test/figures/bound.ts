/** What is to get from one source to many nodes. Bytes, and rates in bytes per any unit of time. */
export interface Distribution {
  readonly size: number
  readonly nodes: number
  /** Of the source. */
  readonly upstream: number
  /** Of the node with the least. */
  readonly narrowestDownlink: number
  /** Of all nodes together. */
  readonly uplinks: number
}

/**
 * No swarm can be faster: the source sends one copy, the narrowest downlink takes one, and all copies pass through all
 * uplinks: max(F/u_s, F/d_min, N*F/(u_s + sum u_i)) (Kumar and Ross, 2006). In the rates' unit of time.
 */
export function distributionBound({
  size,
  nodes,
  upstream,
  narrowestDownlink,
  uplinks,
}: Distribution): number {
  return Math.max(size / upstream, size / narrowestDownlink, (nodes * size) / (upstream + uplinks))
}
