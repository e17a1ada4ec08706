/** With two chunks pending at each they are what a download asks for at the same time at least. */
const partnerCount = 4

/**
 * Whom a node loads from before others. Who asks those that happen to have what it wants loads from some uplinks together with
 * many, while others stand idle. So all who share a blob are thought of as a ring, in the order of their names, and a
 * node's partners follow it at distances that grow by a factor, like the fingers of Chord (Stoica et al., 2001): where
 * all know each other, each is a partner of as many as it has itself, and a chunk is everywhere in a few steps.
 */
export function partnersOf(self: string, peers: Iterable<string>): ReadonlySet<string> {
  const ring = [...peers, self].sort()
  const place = ring.indexOf(self)
  const partners = new Set<string>()
  let distance = 0
  for (let n = 0; n < partnerCount; n++) {
    distance = Math.max(distance + 1, Math.round(ring.length ** (n / partnerCount)))
    const peer = distance < ring.length ? ring[(place + distance) % ring.length] : undefined
    if (peer !== undefined) partners.add(peer)
  }
  return partners
}
