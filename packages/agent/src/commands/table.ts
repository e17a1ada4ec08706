/** Writes rows under a heading, each column as wide as it needs. */
export function printTable(
  to: { write(text: string): unknown },
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of [heading, ...rows]) {
    to.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  }
}
