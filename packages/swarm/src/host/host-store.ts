import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { InvalidInputError, StoreError } from '@shoal/content'
import { LevelDatastore } from 'datastore-level'
import type { Datastore } from 'interface-datastore'
import { MemoryDatastore } from './memory-datastore.ts'

const keyFile = 'host.key'
const datastoreDirectory = 'datastore'
/** Where kad-dht keeps provider records: one key for each, ending with the id of the provider. */
const providerRecords = '/dht/provider'

/** What a host keeps: who it is, whom it has met and what they said they had. */
export interface HostStore {
  readonly privateKey: PrivateKey
  readonly datastore: Datastore
  close(): Promise<void>
}

/**
 * Opens the store in a directory, which is made if need be; without one, it lives and dies with the process.
 *
 * @throws StoreError `not-writable`
 * @throws InvalidInputError `HOST_KEY_INVALID`
 */
export async function openHostStore(directory?: string): Promise<HostStore> {
  if (directory === undefined) {
    return {
      privateKey: await generateKeyPair('Ed25519'),
      datastore: new MemoryDatastore(),
      close: async () => {},
    }
  }
  await makeDirectory(directory)
  const privateKey = await loadOrCreateKey(join(directory, keyFile))
  const datastore = new LevelDatastore(join(directory, datastoreDirectory))
  try {
    await datastore.open()
  } catch (cause) {
    throw notWritable(directory, "its datastore can't be opened (is another agent using it?)", cause)
  }
  return { privateKey, datastore, close: () => datastore.close() }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
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

/**
 * Forgets what we announced in an earlier life: the host's user knows what it still has, and kad-dht would go on to
 * announce the rest for ever.
 */
export async function forgetOwnRecords(datastore: Datastore, self: string): Promise<void> {
  for await (const key of datastore.queryKeys({ prefix: providerRecords })) {
    if (key.name() === self) await datastore.delete(key)
  }
}
