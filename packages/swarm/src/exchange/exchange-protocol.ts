/** Protocol of the chunk exchange; wire/exchange.proto says what travels on it. */
export const exchangeProtocol = '/shoal/exchange/1.0.0'

/** The largest control message: the bitmap of a 4 TiB blob takes 128 KiB. */
export const maxExchangeMessageBytes = 192 * 1024

/** Chunks that one requester may ask for at once; a planner asks for 16 at most. */
export const maxWantsPerMessage = 256

/** Blobs that one peer may ask us for at the same time. */
export const maxStreamsPerPeer = 256

/** A registry's name is a host and a port. */
export const maxRegistryCharacters = 300
