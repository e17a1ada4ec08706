/**
 * Finds, coordinates and exchanges the chunks of blobs among the nodes of a cluster.
 *
 * - `host/` is the libp2p node: TCP, Noise with the cluster secret in its prologue, yamux, and streams that lose nothing.
 * - `tcp/` and `noise/` are the host's connections: bytes are read into shared memory and decrypted from there.
 * - `discovery/` says who has what, by Kademlia under a protocol of its own.
 * - `coordination/` decides who fetches which chunk from upstream: the peer closest to a blob's CID keeps a
 *   {@link LeaseTable}; the others have a line to it.
 * - `exchange/` carries chunks: one long-lived stream for each pair of peers and blob.
 * - `download/` fills one blob: {@link DownloadPlanner} decides, `Download` carries out, `ChunkTrust` weighs hashes.
 * - `tags/` asks peers what a tag last stood for, when the origin is silent.
 *
 * Storage and origin come from outside, through the interfaces of `@shoal/content`.
 *
 * @example
 * ```ts
 * const swarm = await createSwarm(
 *   { blobs, metadata, origin, onEvent: console.log },
 *   { listen: ['/ip4/0.0.0.0/tcp/5006'], bootstrap: ['/dns4/shoal/tcp/5006'], clusterSecret },
 * )
 * const layer = await swarm.content.open({ repository, kind: 'blob', digest })
 * for await (const bytes of layer.read()) process.stdout.write(bytes)
 * await layer.close()
 * await swarm.stop()
 * ```
 *
 * @packageDocumentation
 */
export type { LeaseCommand, LeaseEvent } from './coordination/lease-events.ts'
export { LeaseTable } from './coordination/lease-table.ts'
export type { VouchedHash } from './coordination/vouched-hashes.ts'
export type { DownloadCommand, DownloadEvent, UpstreamFailure } from './download/download-events.ts'
export type { DownloadProgress } from './download/downloads.ts'
export { DownloadPlanner } from './download/planner.ts'
export { generateClusterSecret } from './host/cluster-secret.ts'
export type { HostLogger } from './host/host-logger.ts'
export { createSwarm, type Swarm, type SwarmComponents, type SwarmInit } from './swarm.ts'
