/**
 * What travels after the handshake (https://github.com/libp2p/specs/tree/master/noise): frames of a length, as two
 * bytes with the higher first, and as many bytes of ciphertext, whose last 16 are the tag.
 */
export const lengthBytes = 2
export const tagBytes = 16
/** The longest ciphertext, tag included: Noise's limit for a message. */
const maxCiphertextBytes = 65_535
/** Plaintext of the longest frame. */
export const maxPlaintextBytes = maxCiphertextBytes - tagBytes
/** What a frame takes beside its plaintext. */
export const frameOverheadBytes = lengthBytes + tagBytes
