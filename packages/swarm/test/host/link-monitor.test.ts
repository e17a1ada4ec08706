import type { Connection } from '@libp2p/interface'
import test, { type ExecutionContext } from 'ava'
import { LinkMonitor } from '../../dist/host/link-monitor.js'
import { RecordingLogger } from './fixture.ts'

/** A connection to a peer that answers no question. `traffic` is looked at each time that the link is judged. */
class SilentLink {
  readonly cut = Promise.withResolvers<number>()
  judged = 0
  readonly #traffic: (judged: number) => { bytesRead: number; bytesWritten: number }

  constructor(traffic: (judged: number) => { bytesRead: number; bytesWritten: number }) {
    this.#traffic = traffic
  }

  readonly remotePeer = 'silent'
  readonly muxer = { ping: () => Promise.withResolvers<number>().promise }

  get maConn() {
    return { socket: this.#traffic(this.judged++) }
  }

  abort(): void {
    this.cut.resolve(this.judged)
  }
}

function watch(t: ExecutionContext, link: SilentLink): void {
  const connections = () => [link as unknown as Connection]
  const limits = { intervalMs: 10, idleMs: 40, timeoutMs: 60 }
  const monitor = new LinkMonitor({ connections, logger: new RecordingLogger() }, limits)
  monitor.start()
  t.teardown(() => monitor.stop())
}

test('a peer that hangs is cut off, although there is always something to send to it', async (t) => {
  const link = new SilentLink((judged) => ({ bytesRead: 0, bytesWritten: 100 * judged }))
  watch(t, link)
  t.true((await link.cut.promise) > 5)
})

test('a peer that sends is not cut off, whatever it does not answer', async (t) => {
  const link = new SilentLink((judged) => ({ bytesRead: Math.min(judged, 40), bytesWritten: 0 }))
  watch(t, link)
  t.true((await link.cut.promise) > 40)
})

test('a peer that has much to take has more time to answer', async (t) => {
  const link = new SilentLink((judged) => ({ bytesRead: 0, bytesWritten: judged === 0 ? 0 : 25_000 }))
  watch(t, link)
  t.true((await link.cut.promise) > 30)
})
