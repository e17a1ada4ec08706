/** Reads a time such as `60s`, whole seconds; undefined for anything else. Milliseconds. */
export function parseSeconds(text: string): number | undefined {
  const seconds = /^(\d{1,5})s$/.exec(text)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
