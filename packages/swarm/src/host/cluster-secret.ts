import { createHash, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { InvalidInputError } from '@shoal/content'

/** Separates this use of the secret from any other that it may get. */
const prologueDomain = 'shoal/noise-prologue/1\0'
const serviceTagDomain = 'shoal/mdns-service/1\0'
/** 128 bits: a handshake that was watched must not help to guess the secret. */
const minSecretBytes = 16
/** The shortest text in which 16 random bytes fit as base64 without padding. */
const minTextCharacters = 22
/** Longer ones are a file that was named by mistake. */
const maxSecretBytes = 4096
/** 16 random bytes have fewer than 8 distinct values, as bytes or as hex digits, once in 10^6. */
const minDistinctSymbols = 8
/** Text that is neither hex nor base64 has to make up in length what it lacks in randomness. */
const minPhraseCharacters = 32
const minDistinctInPhrase = 10

/**
 * What every node of a cluster knows and nobody else does. Opaque: it can't be printed, logged or serialised.
 * Made by {@link parseClusterSecret}.
 */
export class ClusterSecret {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /**
   * The 32 bytes that go into the prologue of the Noise handshake: two nodes with different ones can't finish it.
   * Nodes learn nothing of each other's secret from a handshake that fails.
   */
  noisePrologue(): Uint8Array {
    return createHash('sha256').update(prologueDomain).update(this.#bytes).digest()
  }

  /** The DNS-SD name under which the cluster's nodes find each other on a network segment; others can't foresee it. */
  serviceTag(): string {
    const hash = createHash('sha256').update(serviceTagDomain).update(this.#bytes).digest('hex')
    return `_shoal-${hash.slice(0, 16)}._tcp.local`
  }

  toString(): string {
    return '[cluster secret]'
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/**
 * Takes a secret as it stands in a file or a variable. Text counts as it is written (hex and base64 are not
 * decoded), without the white space around it; bytes that are not text count as they are.
 *
 * @throws InvalidInputError `CLUSTER_SECRET_INVALID` for one that could be guessed
 */
export function parseClusterSecret(input: string | Uint8Array): ClusterSecret {
  const text = (typeof input === 'string' ? input : asText(input))?.trim()
  const bytes = text === undefined ? Uint8Array.from(input as Uint8Array) : Buffer.from(text, 'utf8')
  const weakness = bytes.length > maxSecretBytes ? 'too long' : weaknessOf(text ?? bytes)
  if (weakness !== undefined) {
    throw new InvalidInputError(
      'CLUSTER_SECRET_INVALID',
      `the cluster secret is ${weakness}: make one with "openssl rand -hex 32" and give the same to every node`,
    )
  }
  return new ClusterSecret(bytes)
}

/** A new random secret as text, for a file that every node gets. */
export function generateClusterSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Printable text, or undefined for anything else. */
function asText(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1')
  return /^[\x20-\x7e\s]*$/.test(text) ? text : undefined
}

function weaknessOf(secret: string | Uint8Array): string | undefined {
  const symbols = [...secret].map((symbol) => (typeof symbol === 'string' ? symbol.charCodeAt(0) : symbol))
  const distinct = new Set(symbols).size
  if (symbols.length === 0) return 'empty'
  if (typeof secret !== 'string') {
    if (symbols.length < minSecretBytes) return 'too short'
    return distinct < minDistinctSymbols ? 'not random' : undefined
  }
  const isHex = /^[0-9a-f]+$/i.test(secret)
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(secret)
  const needed = isHex ? 2 * minSecretBytes : isBase64 ? minTextCharacters : minPhraseCharacters
  if (symbols.length < needed) return 'too short'
  if (distinct < (isHex ? minDistinctSymbols : minDistinctInPhrase)) return 'not random'
  if (isRepetition(secret) || isSequence(symbols)) return 'not random'
  return undefined
}

/** `abcabcabc` */
function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length
}

/** `0123456789abcdef`, `aaaabbbbcccc`: more than half of the steps from symbol to symbol are 0 or 1. */
function isSequence(symbols: readonly number[]): boolean {
  let steps = 0
  for (let index = 1; index < symbols.length; index++) {
    if (Math.abs((symbols[index] ?? 0) - (symbols[index - 1] ?? 0)) <= 1) steps++
  }
  return steps * 2 > symbols.length
}
