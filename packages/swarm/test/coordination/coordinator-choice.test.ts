import { setTimeout as delay } from 'node:timers/promises'
import { digestFromHash } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { coordinationProtocol } from '../../dist/coordination/coordination-protocol.js'
import { CoordinatorChoice } from '../../dist/coordination/coordinator-choice.js'
import type { PeerListener } from '../../dist/host/swarm-host.js'
import { StreamPairHost } from '../stream-pair-host.ts'

const digest = digestFromHash('sha256', new Uint8Array(32))

/** A host that sees two others, of which some may not answer. */
class HostWithSilentPeers extends StreamPairHost {
  readonly silent = new Set<string>()
  opened = 0
  #onRoutable: PeerListener | undefined

  override async closestPeers(): Promise<string[]> {
    return ['near', 'far', this.peer]
  }

  override async open(...[peer, ...rest]: Parameters<StreamPairHost['open']>) {
    this.opened++
    if (this.silent.has(peer)) throw new Error(`${peer} does not answer`)
    return await super.open(peer, ...rest)
  }

  override onPeerRoutable(listener: PeerListener): () => void {
    this.#onRoutable = listener
    return () => undefined
  }

  somebodyComes(): void {
    this.#onRoutable?.('somebody')
  }
}

async function choiceOf(t: ExecutionContext, joined: string | undefined) {
  const line = { coordinator: joined }
  const host = new HostWithSilentPeers()
  await host.handle(coordinationProtocol, async (stream) => stream.close())
  const closer = Promise.withResolvers<void>()
  const troubles: string[] = []
  const choice = new CoordinatorChoice(
    { host },
    {
      digest,
      current: () => line.coordinator,
      onCloser: closer.resolve,
      onTrouble: ({ message }) => troubles.push(message),
      passOverMs: 50,
    },
  )
  // The choice's own timers keep no process alive.
  const alive = setInterval(() => undefined, 1_000)
  t.teardown(() => clearInterval(alive))
  choice.start()
  t.teardown(() => choice.stop())
  return { host, choice, line, closer: closer.promise, troubles }
}

test('the closest peer is chosen', async (t) => {
  const { choice } = await choiceOf(t, undefined)
  t.is(await choice.closest(), 'near')
})

test('a peer that did not answer is passed over for a while', async (t) => {
  const { choice, closer } = await choiceOf(t, 'far')
  choice.passOver('near')
  t.is(await choice.closest(), 'far')
  await closer
  t.is(await choice.closest(), 'near')
})

test('who is joined to a farther peer goes over to the closest once that answers', async (t) => {
  const { host, choice, closer, troubles } = await choiceOf(t, 'far')
  host.silent.add('near')
  choice.passOver('near')
  while (troubles.length < 2) await delay(10)
  host.silent.delete('near')
  await t.notThrowsAsync(closer)
  t.is(troubles[0], 'near does not answer')
})

test('who was joining a farther peer when the closest came goes over to that', async (t) => {
  const { host, line, closer } = await choiceOf(t, undefined)
  host.somebodyComes()
  await delay(200)
  line.coordinator = 'far'
  await t.notThrowsAsync(closer)
})

test('nobody leaves the closest peer', async (t) => {
  const { host } = await choiceOf(t, 'near')
  host.somebodyComes()
  await delay(200)
  t.is(host.opened, 0)
})
