/**
 * Gives memory back that has a buffer to itself. The collector sees only that much lies about outside of its heap, and
 * then collects all of it, again and again: at hundreds of MB/s that takes a third of a receiver's CPU
 * (docs/data-plane.md).
 *
 * Nobody may want the bytes any longer: whoever looks finds none.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0)
}
