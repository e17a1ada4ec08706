import type { Vouched } from '../wire/coordination.ts'

const hashBytes = 32

/** A chunk's SHA-256 and the peer that fetched it from upstream and stands by it. */
export interface VouchedHash {
  readonly index: number
  readonly hash: Uint8Array<ArrayBuffer>
  readonly voucher: string
}

/** What members of a swarm vouched for, in the order in which it came. The first word about a chunk stands. */
export class VouchedHashes {
  readonly #byIndex = new Set<number>()
  readonly #inOrder: VouchedHash[] = []

  get size(): number {
    return this.#inOrder.length
  }

  /** False when somebody vouched for the chunk before. */
  add(vouched: VouchedHash): boolean {
    if (this.#byIndex.has(vouched.index)) return false
    this.#byIndex.add(vouched.index)
    this.#inOrder.push(vouched)
    return true
  }

  /** Those from place `from` up to and without `to`. */
  slice(from: number, to = this.size): VouchedHash[] {
    return this.#inOrder.slice(from, to)
  }
}

/** Gathered by voucher: a name is longer than a hash. */
export function encodeVouched(hashes: readonly VouchedHash[]): Vouched[] {
  const groups = new Map<string, VouchedHash[]>()
  for (const vouched of hashes) {
    const group = groups.get(vouched.voucher)
    if (group === undefined) groups.set(vouched.voucher, [vouched])
    else group.push(vouched)
  }
  return [...groups].map(([voucher, group]) => {
    const joined = new Uint8Array(group.length * hashBytes)
    for (const [place, { hash }] of group.entries()) joined.set(hash, place * hashBytes)
    return { voucher, indexes: group.map(({ index }) => index), hashes: joined }
  })
}

/** What {@link encodeVouched} wrote. A group whose hashes don't match its chunks in number is left out. */
export function decodeVouched(groups: readonly Vouched[]): VouchedHash[] {
  return groups
    .filter(({ indexes, hashes }) => hashes.length === indexes.length * hashBytes)
    .flatMap(({ voucher, indexes, hashes }) =>
      indexes.map((index, place) => ({
        index,
        voucher,
        hash: hashes.slice(place * hashBytes, (place + 1) * hashBytes) as Uint8Array<ArrayBuffer>,
      })),
    )
}
