import type { CacheEvent } from '@shoal/cache'
import type { TransferEvent } from '@shoal/content'
import type { RequestEvent } from '@shoal/registry'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Layers take from tens of milliseconds (a config) to minutes (gigabytes over a slow link). */
const downloadBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600]

export interface Metrics {
  /** What `/metrics` serves. A registry of its own: two agents in one process don't mix. */
  readonly registry: Registry
  record(event: TransferEvent): void
  recordCache(event: CacheEvent): void
  /** One request of a client to the shim. */
  recordRequest(request: Pick<RequestEvent, 'route' | 'status' | 'bytes'>): void
}

/** @param connectedPeers - asked at each scrape */
export function createMetrics(connectedPeers: () => number): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const received = new Counter({
    name: 'shoal_received_bytes_total',
    help: 'Bytes received, by where they came from; cache counts complete blobs read by clients of this node',
    labelNames: ['source'] as const,
    registers,
  })
  for (const source of ['upstream', 'peer', 'cache'] as const) received.inc({ source }, 0)
  const served = new Counter({ name: 'shoal_served_bytes_total', help: 'Bytes sent to peers', registers })
  const downloads = new Counter({
    name: 'shoal_downloads_total',
    help: 'Downloads of blobs and manifests that ended, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  })
  for (const outcome of ['completed', 'failed'] as const) downloads.inc({ outcome }, 0)
  const seconds = new Histogram({
    name: 'shoal_download_seconds',
    help: 'Time from the start of a download to its verified end',
    buckets: downloadBuckets,
    registers,
  })
  const lies = new Counter({
    name: 'shoal_peer_lies_total',
    help: 'Chunks that did not have the hash vouched for, by the peer that sent them',
    labelNames: ['peer'] as const,
    registers,
  })
  const stalls = new Counter({
    name: 'shoal_peer_stalls_total',
    help: 'Times a peer stopped delivering and was left, by peer',
    labelNames: ['peer'] as const,
    registers,
  })
  const requests = new Counter({
    name: 'shoal_registry_requests_total',
    help: 'Requests of clients to the shim, by kind of resource and status',
    labelNames: ['route', 'status'] as const,
    registers,
  })
  const sent = new Counter({
    name: 'shoal_registry_sent_bytes_total',
    help: 'Bytes of bodies sent to clients of the shim',
    registers,
  })
  const evicted = new Counter({
    name: 'shoal_cache_evicted_bytes_total',
    help: 'Bytes of blobs that gave way, by what they gave way to',
    labelNames: ['reason'] as const,
    registers,
  })
  for (const reason of ['quota', 'free-space'] as const) evicted.inc({ reason }, 0)
  const damaged = new Counter({
    name: 'shoal_cache_damaged_blobs_total',
    help: 'Stored blobs that were not what had been written',
    registers,
  })
  const storing = new Gauge({
    name: 'shoal_cache_storing',
    help: '0 while blobs are passed through because the disk is full or read-only',
    registers,
  })
  storing.set(1)
  new Gauge({
    name: 'shoal_peers_connected',
    help: 'Peers with an open connection',
    registers,
    collect() {
      this.set(connectedPeers())
    },
  })

  return {
    registry,
    recordRequest({ route, status, bytes }) {
      requests.inc({ route: route ?? 'none', status: String(status) })
      sent.inc(bytes)
    },
    recordCache(event) {
      if (event.type === 'evicted') evicted.inc({ reason: event.reason }, event.bytes)
      else if (event.type === 'damaged') damaged.inc()
      else if (event.type === 'storing-again') storing.set(1)
      else if (event.type === 'not-storing' && event.fault !== 'over-quota') storing.set(0)
    },
    record(event) {
      switch (event.type) {
        case 'received':
          return received.inc({ source: event.source }, event.bytes)
        case 'served':
          return served.inc(event.bytes)
        case 'completed':
          downloads.inc({ outcome: 'completed' })
          return seconds.observe(event.seconds)
        case 'failed':
          return downloads.inc({ outcome: 'failed' })
        case 'peer-lied':
          return lies.inc({ peer: event.peer })
        case 'peer-stalled':
          return stalls.inc({ peer: event.peer })
      }
    },
  }
}
