/** Two nodes that say where they are, and are not in the same place. */
export function areApart(ours: string, theirs: string | undefined): boolean {
  return ours !== '' && theirs !== undefined && theirs !== '' && ours !== theirs
}

/** How a message tells where its sender is. */
export function zoneField(zone: string): { zone?: string } {
  return zone === '' ? {} : { zone }
}
/**
 * Which part of the chunks a node brings into its zone: those whose index leaves `rank` when divided by `of`. With a part for each,
 * those who exchange with other zones don't all bring the same.
 */
export interface FarShare {
  readonly rank: number
  readonly of: number
}
