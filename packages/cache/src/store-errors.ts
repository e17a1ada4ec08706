import { StoreError, type StoreFault } from '@shoal/content'

/** EFBIG too: a file system that can't hold a file of this size is, for this blob, full. */
const diskFullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

const remedies: Partial<Record<StoreFault, string>> = {
  'disk-full': 'free some space on its file system',
  'not-writable': 'give this user write access, or choose another data directory',
}

/** The `code` of a Node or LevelDB error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/**
 * Says in the store's terms why the file system refused. A StoreError stays as it is.
 *
 * @param doing what was attempted and on what: `writing chunk 3 of sha256:…`
 * @param otherwise the fault when the disk is not simply full
 */
export function storeError(doing: string, cause: unknown, otherwise: StoreFault): StoreError {
  if (cause instanceof StoreError) return cause
  const fault = diskFullCodes.has(errorCode(cause) ?? '') ? 'disk-full' : otherwise
  const why = cause instanceof Error ? cause.message : String(cause)
  const remedy = remedies[fault]
  return new StoreError(fault, `${doing} failed: ${why}${remedy === undefined ? '' : `; ${remedy}`}`, {
    cause,
  })
}
