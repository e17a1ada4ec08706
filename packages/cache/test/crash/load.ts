import { chunkLength, makeBlob, type TestBlob } from '../fixture.ts'

/** Blobs that are filled and read; together about twice the quota, so that some always have to give way. */
export const blobCount = 24
export const quotaBytes = 40 * chunkLength

const made = new Map<number, TestBlob>()

/** From one byte to six chunks, most of them with a short last chunk. */
export function loadBlob(which: number): TestBlob {
  let blob = made.get(which)
  if (blob === undefined) {
    const size = which === 0 ? 1 : (which % 6) * chunkLength + 1 + ((which * 7919) % chunkLength)
    blob = makeBlob(size, `load ${which}`)
    made.set(which, blob)
  }
  return blob
}

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
export function randomOf(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, bound)
  }
}
