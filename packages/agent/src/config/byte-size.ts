import type { SpaceAmount } from '@shoal/cache'

const unitBytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const pattern = /^(\d{1,15})(B|KiB|MiB|GiB|TiB)$/

/** Reads a size such as `50GiB`; undefined for anything else. Bytes. */
export function parseByteSize(text: string): number | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const bytes = Number(match[1]) * unitBytes[match[2] as keyof typeof unitBytes]
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}

/** Reads a size, or a share of a file system such as `80%`; undefined for anything else. */
export function parseSpaceAmount(text: string): SpaceAmount | undefined {
  const percent = /^(\d{1,3})%$/.exec(text)?.[1]
  if (percent !== undefined) return Number(percent) <= 100 ? { percent: Number(percent) } : undefined
  const bytes = text === '0' ? 0 : parseByteSize(text)
  return bytes === undefined ? undefined : { bytes }
}
