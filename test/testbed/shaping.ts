/** The longest packet that a network card without hardware is handed: what TCP leaves to it to cut, and headers. */
const longestPacketBytes = 72 * 1024
/** So long at the line's rate may be sent at once; a timer of the kernel is not much more precise. */
const burstSeconds = 0.001
/** What a port keeps before it drops; that of a switch in a rack has room for some ten milliseconds. */
const queueSeconds = 0.04
const minQueueBytes = 4 * longestPacketBytes

/**
 * Arguments of `tc` for a token bucket filter on an interface, which shapes what leaves by it. The bucket holds at
 * least the longest packet: the kernel would cut every one that is longer, at a cost in CPU.
 *
 * @param rate - bytes per second
 */
export function shapingArguments(device: string, rate: number): string[] {
  const burst = Math.ceil(Math.max(longestPacketBytes, rate * burstSeconds))
  const limit = Math.ceil(Math.max(minQueueBytes, rate * queueSeconds)) + burst
  const bits = Math.round(rate * 8)
  return [
    ...['qdisc', 'add', 'dev', device, 'root', 'tbf'],
    ...['rate', `${bits}bit`, 'burst', `${burst}b`, 'limit', `${limit}b`],
  ]
}
