import { open } from 'node:fs/promises'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { BootstrapSource } from './bootstrap-source.ts'
import { parseAddress } from './peer-addresses.ts'

/** Some 600 addresses; a few that answer lead to all. */
const maxFileBytes = 64 * 1024

/** A file that others write (a provisioning tool, a script): a multiaddr a line; `#` begins a comment. */
export class AddressFile implements BootstrapSource {
  readonly text: string
  readonly #path: string

  constructor(text: string, path: string) {
    this.text = text
    this.#path = path
  }

  /** The lines that make sense; if none does, the error names the first that does not. */
  async find(): Promise<Multiaddr[]> {
    const addresses: Multiaddr[] = []
    let problem: unknown
    for (const line of (await readStart(this.#path)).split('\n')) {
      const text = line.replace(/#.*$/s, '').trim()
      if (text === '') continue
      try {
        addresses.push(parseAddress(text))
      } catch (error) {
        problem ??= error
      }
    }
    if (addresses.length === 0 && problem !== undefined) throw problem
    return addresses
  }
}

/** The whole lines at the beginning of a file. */
async function readStart(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxFileBytes), position: 0 })
    const text = buffer.toString('utf8', 0, bytesRead)
    return bytesRead < maxFileBytes ? text : text.slice(0, text.lastIndexOf('\n') + 1)
  } finally {
    await file.close()
  }
}
