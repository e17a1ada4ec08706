import { type Datastore, Key } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import * as varint from 'uint8-varint'
import { toString as encodeText } from 'uint8arrays/to-string'

/** Where kad-dht 16 keeps records: `<prefix>/<multihash in base32>/<provider>`, with the time as a varint. */
const prefix = '/dht/provider'

/** The provider records that this node keeps for the cluster: kad-dht adds them and tells them, we remove them too. */
export class ProviderRecords {
  readonly #datastore: Datastore

  constructor(datastore: Datastore) {
    this.#datastore = datastore
  }

  /** As if the provider had just announced it. */
  async add(cid: CID, provider: string): Promise<void> {
    await this.#datastore.put(recordKey(cid.multihash.bytes, provider), varint.encode(Date.now()))
  }

  async remove(multihash: Uint8Array, provider: string): Promise<void> {
    await this.#datastore.delete(recordKey(multihash, provider))
  }

  /** Removes all records of the named providers; how many they were. Looks at every record. */
  async removeAllOf(providers: ReadonlySet<string>): Promise<number> {
    const stale: Key[] = []
    for await (const key of this.#datastore.queryKeys({ prefix })) {
      if (providers.has(providerIn(key))) stale.push(key)
    }
    for (const key of stale) await this.#datastore.delete(key)
    return stale.length
  }

  /** Who provides a blob, as far as this node was told. */
  async providersOf(cid: CID): Promise<string[]> {
    const providers: string[] = []
    for await (const key of this.#datastore.queryKeys({
      prefix: `${prefix}/${nameOf(cid.multihash.bytes)}/`,
    })) {
      providers.push(providerIn(key))
    }
    return providers
  }
}

function recordKey(multihash: Uint8Array, provider: string): Key {
  return new Key(`${prefix}/${nameOf(multihash)}/${provider}`)
}

function nameOf(multihash: Uint8Array): string {
  return encodeText(multihash, 'base32')
}

function providerIn(key: Key): string {
  const name = key.toString()
  return name.slice(name.lastIndexOf('/') + 1)
}
