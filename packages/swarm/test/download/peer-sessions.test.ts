import { type Digest, digestFromHash, digestToCid } from '@shoal/content'
import test from 'ava'
import type { DownloadEvent } from '../../dist/download/download-events.js'
import { PeerSessions } from '../../dist/download/peer-sessions.js'
import { ChunkServer } from '../../dist/exchange/chunk-server.js'
import { PeerUnreachableError } from '../../dist/host/swarm-host.js'
import { StreamPairHost } from '../stream-pair-host.ts'

const digest: Digest = digestFromHash('sha256', new Uint8Array(32).fill(1))

/** What a session with a peer came to: what the download was told, and what discovery was. */
async function connect(host: StreamPairHost) {
  const events: DownloadEvent[] = []
  const failures: string[] = []
  host.discovery.failed = (cid, peer, failure) => {
    failures.push(`${failure} ${peer} ${cid.equals(digestToCid(digest))}`)
  }
  const sessions = new PeerSessions(host, {
    descriptor: { digest, size: 1_000, mediaType: 'application/test' },
    registry: 'registry.test',
    admits: async () => true,
    dispatch: (event) => events.push(event),
    onChunk: async () => undefined,
    onTrouble: () => undefined,
  })
  await sessions.connect('peer')
  sessions.close()
  return { events, failures }
}

test('of a peer that has nothing of the blob discovery is told', async (t) => {
  const host = new StreamPairHost()
  await new ChunkServer({ host, find: async () => undefined, onEvent: () => undefined }).start()
  const { events, failures } = await connect(host)
  t.deepEqual(events, [{ type: 'gone', peer: 'peer' }])
  t.deepEqual(failures, ['empty peer true'])
})

test('of a peer that is out of reach discovery is told', async (t) => {
  const host = new StreamPairHost()
  host.open = async (peer) => {
    throw new PeerUnreachableError(peer, 'no answer in time')
  }
  const { events, failures } = await connect(host)
  t.deepEqual(events, [{ type: 'gone', peer: 'peer' }])
  t.deepEqual(failures, ['unreachable peer true'])
})
