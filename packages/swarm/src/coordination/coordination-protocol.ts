/** Protocol between a downloader and a blob's coordinator; wire/coordination.proto says what travels on it. */
export const coordinationProtocol = '/shoal/coordination/1.0.0'

/** A join carries the bitmap of a blob: 128 KiB for 4 TiB. */
export const maxCoordinationMessageBytes = 192 * 1024

/** Hashes in one message: about 100 bytes each with the voucher's name. */
export const maxVouchedPerMessage = 512

/** Blobs that one peer may have coordinated here at the same time. */
export const maxStreamsPerPeer = 512

/** Members of one blob's swarm; a cluster of Shoal's aim is 5000 nodes. */
export const maxMembers = 10_000

/** Addresses that are kept of one member. */
export const maxAddresses = 16
/** Of a zone's name; what is longer is cut. */
export const maxZoneCharacters = 128
/** Places from which on a member's clients wait, in one message. */
export const maxWantedPlaces = 16
