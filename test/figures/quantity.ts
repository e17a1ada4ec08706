/** Factors to bytes. */
export const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}
/** Factors to bytes per second. */
export const rateUnits: Readonly<Record<string, number>> = { kbit: 1e3 / 8, mbit: 1e6 / 8, gbit: 1e9 / 8 }
/** Factors to seconds. */
export const timeUnits: Readonly<Record<string, number>> = { ms: 1e-3, s: 1 }

/**
 * Reads an option's value with its unit, such as 200mbit.
 *
 * @param option - its name, for the message
 * @returns in the base unit of `units`
 * @throws Error for what can't be read
 */
export function parseQuantity(option: string, text: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/i.exec(text) ?? []
  const factor = units[unit.toLowerCase()]
  if (number === undefined || factor === undefined)
    throw new Error(`--${option} ${text}: expected a number and one of ${Object.keys(units).join(', ')}`)
  return Number(number) * factor
}

/** @throws Error for what is no whole number from 1 to `max` */
export function parseCount(option: string, text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new Error(`--${option} ${text}: expected a whole number from 1 to ${max}`)
  return value
}
