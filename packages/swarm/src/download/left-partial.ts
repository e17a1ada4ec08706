import { randomInt } from 'node:crypto'
import type { AbortOptions, ByteRange, ContentAddress, MetadataStore, PartialBlob } from '@shoal/content'
import { wantedBlob } from '../wanted-blob.ts'
import { type ContentProofs, windowOf } from './content-proofs.ts'

export interface TakeOver {
  readonly address: ContentAddress
  /** The registry has the blob: then it does not matter from where the chunks came. */
  readonly isProven: boolean
  readonly metadata: MetadataStore
  readonly proofs: ContentProofs
  readonly onTrouble: (error: Error) => void
}

/** What an earlier download left came by way of its own registry: under another it is of no use, unless that has the blob. */
export async function takeOver(
  partial: PartialBlob,
  { address, isProven, metadata, proofs, onTrouble }: TakeOver,
): Promise<void> {
  const { digest, registry } = wantedBlob(address)
  if (partial.held.size === 0) {
    // Written before any chunk's mark; if it can't be, the chunks count as those of a build that wrote nothing down.
    metadata.recordPartial(digest, registry).catch(onTrouble)
    return
  }
  const before = await metadata.partialOf(digest)
  if (before === registry) return
  if (!isProven) {
    // A build of before did not write it down.
    const isOurs = before === undefined && (await matchesHeld(partial, address, proofs))
    if (!isOurs) await partial.drop([...partial.held])
  }
  await metadata.recordPartial(digest, registry)
}

async function matchesHeld(
  partial: PartialBlob,
  address: ContentAddress,
  proofs: ContentProofs,
): Promise<boolean> {
  const indexes = [...partial.held]
  const { start, end } = partial.layout.rangeOf(indexes[randomInt(indexes.length)] ?? 0)
  const within = windowOf(end - start)
  const range = { start: start + within.start, end: start + within.end }
  const held = {
    size: partial.layout.size,
    isVerified: false,
    read: (wanted: ByteRange, options: AbortOptions) => partial.readAt(wanted, options),
  }
  return (await proofs.matches(address, held, range)) === true
}
