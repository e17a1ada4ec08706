const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  ns: 0.000_001,
}

/** Milliseconds of a duration as Go writes it (`6h0m0s`, `12h`, `1.5m`); undefined for what is none. */
export function goDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|us|ns|m|s))+$/.test(text) || text.length > 64) return undefined
  let total = 0
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)/g)) {
    total += Number(amount) * (unitMs[unit] ?? 0)
  }
  return total
}
