/** An amount of a file system's space: absolute, or a share of the whole file system. */
export type SpaceAmount = { readonly bytes: number } | { readonly percent: number }

/** @param fileSystemBytes - size of the whole file system */
export function bytesOf(amount: SpaceAmount, fileSystemBytes: number): number {
  return 'bytes' in amount ? amount.bytes : Math.floor((fileSystemBytes * amount.percent) / 100)
}
