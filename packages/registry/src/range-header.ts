import type { ByteRange } from '@shoal/content'

/** What a `Range` header asks of content of a known size. */
export type RangeRequest =
  /** No range, or one that a server may ignore: another unit, or several ranges at once. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable'; readonly why: string }

const whole: RangeRequest = { kind: 'whole' }
const specPattern = /^(\d*)-(\d*)$/

/**
 * Reads a `Range` header: one range, open ended and suffix forms too.
 *
 * RFC 9110 lets a server ignore a malformed range; this one says what is wrong with it. Several ranges give
 * the whole, never the first one: Podman takes a single-part answer to a multi-range request for something
 * else. Empty content is always whole, because containerd asks `bytes=0-` of everything.
 */
export function readRange(header: string | undefined, size: number): RangeRequest {
  const [unit, list] = splitUnit(header ?? '')
  if (unit !== 'bytes' || size === 0) return whole
  const specs = list.split(',').map((spec) => spec.trim())
  const given = specs.filter((spec) => spec !== '')
  const malformed = given.length === 0 ? list : given.find((spec) => problemOf(spec) !== undefined)
  if (malformed !== undefined) return unsatisfiable(malformed, problemOf(malformed) ?? '')
  return given.length === 1 && given[0] !== undefined ? resolve(given[0], size) : whole
}

function splitUnit(header: string): readonly [string, string] {
  const equals = header.indexOf('=')
  return equals < 0 ? ['', ''] : [header.slice(0, equals).trim().toLowerCase(), header.slice(equals + 1)]
}

/** What is wrong with a range whatever the size of the content, or undefined. */
function problemOf(spec: string): string | undefined {
  const [, first = '', last = ''] = specPattern.exec(spec) ?? []
  if (first === '' && last === '') return 'expected first-last, first- or -length'
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'its end is before its start'
  return undefined
}

function resolve(spec: string, size: number): RangeRequest {
  const [, first = '', last = ''] = specPattern.exec(spec) ?? []
  if (first === '') {
    const length = Math.min(Number(last), size)
    if (length === 0) return unsatisfiable(spec, 'it is empty')
    return { kind: 'part', range: { start: size - length, end: size } }
  }
  const start = Number(first)
  if (start >= size) return unsatisfiable(spec, `the content has ${size} bytes`)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  return { kind: 'part', range: { start, end } }
}

function unsatisfiable(spec: string, why: string): RangeRequest {
  const quoted = JSON.stringify(spec.slice(0, 80))
  return { kind: 'unsatisfiable', why: `the byte range ${quoted} can not be served: ${why}` }
}
