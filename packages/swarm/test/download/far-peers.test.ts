import { ChunkSet } from '@shoal/content'
import test from 'ava'
import type { DownloadCommand } from '../../dist/download/download-events.js'
import { commandsOf, plannerFor } from './virtual-swarm.ts'

const indexesAskedOf = (peer: string, commands: readonly DownloadCommand[]) =>
  commandsOf(commands, 'request')
    .filter((command) => command.peer === peer)
    .map(({ index }) => index)
    .sort((a, b) => a - b)

test('a far peer is asked only for what no near one has', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'near', held: ChunkSet.of(64, [1, 2, 3]) }, 0)
  const held = ChunkSet.of(64, [1, 2, 3, 40])
  t.deepEqual(
    indexesAskedOf('far', planner.step({ type: 'connected', peer: 'far', held, isFar: true }, 0)),
    [40],
  )
})

test('a far peer is not asked again for what a near one has got meanwhile', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'far', held: new ChunkSet(64), isFar: true }, 0)
  planner.step({ type: 'connected', peer: 'near', held: ChunkSet.of(64, [7]) }, 0)
  t.deepEqual(indexesAskedOf('far', planner.step({ type: 'has', peer: 'far', indexes: [7] }, 0)), [])
})

test('of what only far peers have, each node asks for its part', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'shared', farShare: { rank: 1, of: 4 } }, 0)
  const held = ChunkSet.of(64, [4, 5, 6, 7])
  t.deepEqual(
    indexesAskedOf('far', planner.step({ type: 'connected', peer: 'far', held, isFar: true }, 0)),
    [5],
  )
})

test('what others were to bring in and did not, the node asks for itself', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'shared', farShare: { rank: 1, of: 4 } }, 0)
  planner.step({ type: 'connected', peer: 'far', held: ChunkSet.of(64, [4]), isFar: true }, 0)
  const asked: number[] = []
  // Chunks keep coming from elsewhere: the node is not starved.
  for (let round = 1; round <= 8; round++) {
    planner.step({ type: 'stored', index: 63 - round, from: 'near' }, round * 250)
    asked.push(...indexesAskedOf('far', planner.step({ type: 'tick' }, round * 250)))
  }
  t.deepEqual(asked, [4])
})

test('a far peer is asked for anything when near ones bring nothing for a second', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'near', held: ChunkSet.of(64, [1]) }, 0)
  planner.step({ type: 'busy', peer: 'near', indexes: [1] }, 0)
  planner.step({ type: 'connected', peer: 'far', held: ChunkSet.of(64, [1]), isFar: true }, 0)
  t.deepEqual(indexesAskedOf('far', planner.step({ type: 'tick' }, 750)), [])
  t.deepEqual(indexesAskedOf('far', planner.step({ type: 'tick' }, 1_000)), [1])
})
