import { parseDigest, type TransferEvent } from '@shoal/content'
import test from 'ava'
import { createMetrics } from '../dist/metrics.js'

const digest = parseDigest(`sha256:${'a'.repeat(64)}`)

async function samplesAfter(...events: TransferEvent[]): Promise<string[]> {
  const { registry, record } = createMetrics(() => 3)
  for (const event of events) record(event)
  return (await registry.metrics()).split('\n')
}

test('bytes are counted by source', async (t) => {
  const samples = await samplesAfter(
    { type: 'received', digest, source: 'peer', bytes: 5, peer: 'p' },
    { type: 'received', digest, source: 'peer', bytes: 6, peer: 'q' },
  )
  t.true(samples.includes('shoal_received_bytes_total{source="peer"} 11'))
  t.true(samples.includes('shoal_received_bytes_total{source="upstream"} 0'))
})

test('served bytes are counted', async (t) => {
  const samples = await samplesAfter({ type: 'served', digest, bytes: 9, peer: 'p' })
  t.true(samples.includes('shoal_served_bytes_total 9'))
})

test('downloads are counted by outcome, and timed', async (t) => {
  const samples = await samplesAfter(
    { type: 'completed', digest, size: 1, seconds: 0.2 },
    { type: 'failed', digest, reason: 'x' },
  )
  t.true(samples.includes('shoal_downloads_total{outcome="completed"} 1'))
  t.true(samples.includes('shoal_downloads_total{outcome="failed"} 1'))
  t.true(samples.includes('shoal_download_seconds_bucket{le="0.25"} 1'))
})

test('lies and stalls are counted by peer', async (t) => {
  const samples = await samplesAfter(
    { type: 'peer-lied', digest, peer: 'liar', chunk: 1 },
    { type: 'peer-stalled', digest, peer: 'slow' },
  )
  t.true(samples.includes('shoal_peer_lies_total{peer="liar"} 1'))
  t.true(samples.includes('shoal_peer_stalls_total{peer="slow"} 1'))
})

test('connected peers are asked for at the scrape', async (t) => {
  t.true((await samplesAfter()).includes('shoal_peers_connected 3'))
})

test("clients' requests are counted by route and status", async (t) => {
  const { registry, recordRequest } = createMetrics(() => 0)
  recordRequest({ route: 'blob', status: 206, bytes: 10 })
  recordRequest({ route: undefined, status: 404, bytes: 5 })
  const samples = (await registry.metrics()).split('\n')
  t.true(samples.includes('shoal_registry_requests_total{route="blob",status="206"} 1'))
  t.true(samples.includes('shoal_registry_requests_total{route="none",status="404"} 1'))
  t.true(samples.includes('shoal_registry_sent_bytes_total 15'))
})
