import { type ChunkRun, InvalidInputError } from '@shoal/content'
import { CoordinationReply, type CoordinationRequest } from '../wire/coordination.ts'
import type { FarShare } from '../zones.ts'

const maxRunChunks = 2 ** 20

/** @throws InvalidInputError `PROTOCOL` */
export function decodeReply(message: Uint8Array): CoordinationReply {
  try {
    return CoordinationReply.decode(message)
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed coordination message', { cause })
  }
}

/** @throws InvalidInputError `PROTOCOL` */
export function checkedRun({ start, end }: ChunkRun): ChunkRun {
  if (end <= start || end - start > maxRunChunks)
    throw new InvalidInputError('PROTOCOL', `a lease of chunks ${start} to ${end}`)
  return { start, end }
}

/** @throws InvalidInputError `PROTOCOL` */
export function checkedShare({ rank, of }: FarShare): FarShare {
  if (rank >= of) throw new InvalidInputError('PROTOCOL', `part ${rank} of ${of} of the chunks`)
  return { rank, of }
}

/** What a member has to say before anything has happened. */
export function emptyRequest(): CoordinationRequest {
  return { landed: [], release: [], wanted: [] }
}

/** Whether it says nothing. */
export function isEmpty(request: CoordinationRequest): boolean {
  const { landed, release, wanted, willing, pauseMs, claim, working } = request
  const isSilent = [willing, pauseMs, claim, working].every((word) => word === undefined)
  return landed.length === 0 && release.length === 0 && wanted.length === 0 && isSilent
}
