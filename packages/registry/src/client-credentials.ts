import type { Credentials } from '@shoal/content'

/** Passwords of cloud registries are tokens of some kilobytes. */
const maxEncodedLength = 16 * 1024

/** What an `Authorization: Basic` header holds; undefined for any other, and for none. */
export function readCredentials(header: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec((header ?? '').slice(0, maxEncodedLength))?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
