import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { InvalidInputError, StoreError } from '@shoal/content'
import type { Datastore } from 'interface-datastore'
import { MemoryDatastore } from './memory-datastore.ts'

const keyFile = 'host.key'

/** What a host keeps: who it is, whom it has met and what they said they had. */
export interface HostStore {
  readonly privateKey: PrivateKey
  /**
   * In memory: libp2p writes to it at every new stream, and what it holds is out of date after a restart. Peers are
   * found again by bootstrap, and every node announces again what it has.
   */
  readonly datastore: Datastore
}

/**
 * Opens the store in a directory, which is made if need be (its parent must be there); without one, the identity too lives and dies with the
 * process.
 *
 * @throws StoreError `not-writable`
 * @throws InvalidInputError `HOST_KEY_INVALID`
 */
export async function openHostStore(directory?: string): Promise<HostStore> {
  const datastore = new MemoryDatastore()
  if (directory === undefined) return { privateKey: await generateKeyPair('Ed25519'), datastore }
  await makeDirectory(directory)
  return { privateKey: await loadOrCreateKey(join(directory, keyFile)), datastore }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return
    throw notWritable(directory, "it can't be created", cause)
  }
}

async function loadOrCreateKey(file: string): Promise<PrivateKey> {
  const stored = await readIfThere(file)
  if (stored !== undefined) return decodeKey(file, stored)
  const key = await generateKeyPair('Ed25519')
  return (await createWhole(file, privateKeyToProtobuf(key))) ? key : loadOrCreateKey(file)
}

function decodeKey(file: string, bytes: Uint8Array): PrivateKey {
  try {
    return privateKeyFromProtobuf(bytes)
  } catch (cause) {
    throw new InvalidInputError(
      'HOST_KEY_INVALID',
      `${file} is not a private key: restore it, or delete it and this node gets a new identity`,
      { cause },
    )
  }
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw notWritable(file, "it can't be read", cause)
  }
}

/** Creates a file that is never seen half written. False if another process was first. */
async function createWhole(file: string, bytes: Uint8Array): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(draft, file)
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    throw notWritable(file, "it can't be written", cause)
  } finally {
    await unlink(draft).catch((error: unknown) => {
      // Never made: the reason was already thrown.
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function notWritable(path: string, why: string, cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StoreError('not-writable', `${path}: ${why}: ${reason}`, { cause })
}
