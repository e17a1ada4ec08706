import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { coordinationProtocol } from '../../dist/coordination/coordination-protocol.js'
import { MemoryOrigin } from '../memory-origin.ts'
import { pull, randomBlob, until } from '../swarm-fixture.ts'
import { blobNear, servingWith, startFaultySwarm, withMethods, withStreamMethods } from './faulty-swarm.ts'

const MiB = 1024 * 1024
const size = 24 * MiB

test.serial('when the coordinator dies midway, the others complete with few more copies', async (t) => {
  const origin = new MemoryOrigin(5)
  const [coordinator, ...others] = await startFaultySwarm(t, { count: 5, origin })
  if (coordinator === undefined) return t.fail()
  const address = await blobNear(coordinator, origin, size)
  const pulls = others.map((node) => pull(node, address))
  await until(() => origin.bytesSent > size / 3)
  await coordinator.die()
  t.deepEqual(await Promise.all(pulls), Array(4).fill(address.digest))
  t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
  t.true(origin.bytesSent <= 1.5 * size, `${origin.bytesSent / size} copies`)
})

test.serial('a coordinator whose every message is 5 s late keeps nobody from completing', async (t) => {
  const origin = new MemoryOrigin(5)
  const late = servingWith(coordinationProtocol, (stream, handler) =>
    handler(
      withStreamMethods(stream, {
        send: async (message, options) => {
          await delay(5_000, undefined, { ref: false })
          await stream.send(message, options)
        },
      }),
    ),
  )
  const [coordinator, ...others] = await startFaultySwarm(t, { count: 4, origin, wrapHost: late })
  if (coordinator === undefined) return t.fail()
  const address = await blobNear(coordinator, origin, size)
  t.deepEqual(await Promise.all(others.map((node) => pull(node, address))), Array(3).fill(address.digest))
  t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
  t.true(origin.bytesSent <= 3 * size, `${origin.bytesSent / size} copies for 3 nodes`)
})

test.serial('two coordinators for one blob cost a second copy at most', async (t) => {
  const origin = new MemoryOrigin(5)
  // Half of the nodes take the first one for the closest to any key, half the second.
  const hosts: string[] = []
  const nodes = await startFaultySwarm(t, {
    count: 4,
    origin,
    wrapHost: (host) => {
      const mine = hosts.push(host.peer) % 2
      return withMethods(host, { closestPeers: async (_, count) => hosts.slice(mine, mine + count) })
    },
  })
  const address = origin.add(randomBlob(size))
  t.deepEqual(await Promise.all(nodes.map((node) => pull(node, address))), Array(4).fill(address.digest))
  t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
  t.true(origin.bytesSent <= 2.2 * size, `${origin.bytesSent / size} copies`)
})
