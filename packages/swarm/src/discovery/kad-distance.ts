import { createHash } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'

/** Where a key or a peer's multihash lies in the Kademlia keyspace. */
export function kadId(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** Where a peer lies in the keyspace. */
export function placeOf(peer: string): Uint8Array {
  return kadId(peerIdFromString(peer).toMultihash().bytes)
}

/** Negative when `a` lies closer to `target` than `b`, by the XOR metric. All are {@link kadId}s. */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < target.length; index++) {
    const byte = target[index] ?? 0
    const difference = (byte ^ (a[index] ?? 0)) - (byte ^ (b[index] ?? 0))
    if (difference !== 0) return difference
  }
  return 0
}
