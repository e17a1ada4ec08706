import { createHmac, randomBytes } from 'node:crypto'
import type { Credentials } from '@shoal/content'

/** As whom a registry is asked: a user with a password, or the bearer of a token that buys other tokens. */
export type Secret = Credentials | { readonly identityToken: string }

/** A secret, and a name for it by which caches know it, that says nothing of it. */
export interface Identity {
  readonly key: string
  readonly secret: Secret
}

/** Of this process alone, so that a key is of no use to whoever sees one. */
const keySecret = randomBytes(32)

export function identify(secret: Secret): Identity {
  const parts = 'username' in secret ? [secret.username, secret.password] : [secret.identityToken]
  return { key: createHmac('sha256', keySecret).update(JSON.stringify(parts)).digest('base64url'), secret }
}

/** The value of an `Authorization` header; undefined for a secret that only a token service takes. */
export function basic(secret: Secret | undefined): string | undefined {
  if (secret === undefined || !('username' in secret)) return undefined
  return `Basic ${Buffer.from(`${secret.username}:${secret.password}`).toString('base64')}`
}
