/**
 * Names of images that nobody has: `shoal install` pulls one through each runtime, and the agent makes it up.
 * Whoever pulled it has pulled through this node's shim.
 */
const pattern = /^shoal-canary\/[0-9a-f]{32}$/

const nonceBytes = 16

/** @param nonce 16 random bytes, so that no two canaries share a name */
export function canaryName(nonce: Uint8Array): string {
  if (nonce.length !== nonceBytes) throw new RangeError(`a canary takes ${nonceBytes} random bytes`)
  return `shoal-canary/${Buffer.from(nonce).toString('hex')}`
}

/** @param name a repository's, without its registry */
export function isCanaryName(name: string): boolean {
  return pattern.test(name)
}
