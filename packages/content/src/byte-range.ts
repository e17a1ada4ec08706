/** Bytes `start` to `end` of a blob; `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}
