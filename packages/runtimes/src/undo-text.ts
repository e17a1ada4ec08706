import type { Edit } from './change.ts'
import { removeMirror } from './daemon-json.ts'
import { cutBlocks, isBare } from './marked-block.ts'

/**
 * A file without our part, after others have changed it.
 *
 * @param before - the original, undefined when there was none
 * @returns undefined when no file should be left
 * @throws RuntimesError when the file can't be parsed
 */
export function undoText(
  edit: Edit,
  { path, before, current }: { path: string; before: string | undefined; current: string },
): string | undefined {
  if (edit.kind === 'mirror') return removeMirror(current, edit.url, { before, path })
  const rest = cutBlocks(current)
  return before === undefined && isBare(rest) ? undefined : rest
}
