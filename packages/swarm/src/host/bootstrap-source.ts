import type { Multiaddr } from '@multiformats/multiaddr'
import { InvalidInputError } from '@shoal/content'
import { AddressFile } from './bootstrap-file.ts'
import { NamedAddress, type NameService, ServiceRecords } from './bootstrap-names.ts'
import { parseAddress } from './peer-addresses.ts'

/** A place where addresses of first peers stand. */
export interface BootstrapSource {
  /** As it was configured. */
  readonly text: string
  /**
   * The addresses that stand there now.
   *
   * @throws Error that says why there are none to be had
   */
  find(signal: AbortSignal): Promise<readonly Multiaddr[]>
}

const kinds = /^(srv|file):(.*)$/s
/** What makes nodes of one network segment find each other; they come by themselves, not by asking. */
export const multicast = 'mdns'

/**
 * Reads one `--bootstrap`: a multiaddr, whose name may stand for many nodes, `srv:<name>` (DNS SRV), or `file:<path>` (a
 * multiaddr a line).
 *
 * @throws InvalidInputError `ADDRESS_INVALID`
 */
export function parseBootstrapSource(text: string, names: NameService): BootstrapSource {
  const [, kind, rest = ''] = kinds.exec(text) ?? []
  if (kind === undefined) return new NamedAddress(text, parseAddress(text), names)
  if (rest === '')
    throw new InvalidInputError(
      'ADDRESS_INVALID',
      `malformed address ${JSON.stringify(text)}: expected ${kind}:<${kind === 'srv' ? 'name' : 'path'}>`,
    )
  return kind === 'srv' ? new ServiceRecords(text, rest, names) : new AddressFile(text, rest)
}
