/** The longest packet that a network card without hardware is handed: what TCP leaves to it to cut, and headers. */
const longestPacketBytes = 72 * 1024
/** So long at the line's rate may be sent at once; a timer of the kernel is not much more precise. */
const burstSeconds = 0.001
/** What a port keeps before it drops; that of a switch in a rack has room for some ten milliseconds. */
const queueSeconds = 0.04
const minQueueBytes = 4 * longestPacketBytes
/** Acknowledgements and short messages: they wait for none of the long packets of a host. */
const maxShortPackets = 1_000
/** Of the line's rate, what short packets are sure of. */
const shortShare = 0.1

/**
 * Lines for `tc -batch` that shape what leaves a switch by a port: a token bucket with one queue, first in, first out. The
 * bucket holds at least the longest packet: the kernel would cut every one that is longer, at a cost in CPU.
 *
 * @param rate - bytes per second
 */
export function portShaping(device: string, rate: number): string[] {
  const burst = burstBytes(rate)
  const limit = queueBytes(rate) + burst
  return [`qdisc add dev ${device} root tbf rate ${bits(rate)} burst ${burst}b limit ${limit}b`]
}

/**
 * Lines for `tc -batch` that shape what leaves a host by its network card. Short packets go first, as with fq_codel, which
 * is the default of Debian and Red Hat and not in every kernel. In one queue with the host's own data, acknowledgements
 * of what it loads would be late and come all at once, and so would what they set off (ack compression; Zhang, Shenker
 * and Clark, 1991): links stood empty 40 % of the time, and overflowed in between.
 *
 * @param rate - bytes per second
 */
export function cardShaping(device: string, rate: number): string[] {
  const atOnce = `ceil ${bits(rate)} burst ${burstBytes(rate)}b cburst ${burstBytes(rate)}b quantum ${longestPacketBytes}`
  const line = `dev ${device} parent 1:1 classid`
  return [
    `qdisc add dev ${device} root handle 1: htb default 20`,
    `class add dev ${device} parent 1: classid 1:1 htb rate ${bits(rate)} ${atOnce}`,
    `class add ${line} 1:10 htb rate ${bits(rate * shortShare)} ${atOnce} prio 0`,
    `class add ${line} 1:20 htb rate ${bits(rate * (1 - shortShare))} ${atOnce} prio 1`,
    `qdisc add dev ${device} parent 1:10 pfifo limit ${maxShortPackets}`,
    `qdisc add dev ${device} parent 1:20 bfifo limit ${queueBytes(rate)}b`,
    // Of less than 256 bytes, by the length that the IP header tells.
    `filter add dev ${device} parent 1: protocol ip u32 match u16 0x0000 0xff00 at 2 flowid 1:10`,
  ]
}

function bits(rate: number): string {
  return `${Math.round(rate * 8)}bit`
}

function burstBytes(rate: number): number {
  return Math.ceil(Math.max(longestPacketBytes, rate * burstSeconds))
}

function queueBytes(rate: number): number {
  return Math.ceil(Math.max(minQueueBytes, rate * queueSeconds))
}
