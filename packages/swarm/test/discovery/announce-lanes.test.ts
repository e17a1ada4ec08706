import test from 'ava'
import { AnnounceLanes } from '../../dist/discovery/announce-lanes.js'

/** Lanes after so many announcements, one after the other, of which each took so long. */
function lanesAfter(count: number, tookMs: number): AnnounceLanes {
  const lanes = new AnnounceLanes()
  for (let n = 0; n < count; n++) {
    lanes.begin()
    lanes.end(tookMs)
  }
  return lanes
}

function widthOf(lanes: AnnounceLanes): number {
  let width = 0
  for (; lanes.isFree; width++) lanes.begin()
  return width
}

test('the first announcement is made alone', (t) => {
  t.is(widthOf(new AnnounceLanes()), 1)
})

test('as long as they are quick, more are made at once, and never more than four', (t) => {
  t.is(widthOf(lanesAfter(4, 50)), 2)
  t.is(widthOf(lanesAfter(12, 50)), 4)
  t.is(widthOf(lanesAfter(1_000, 50)), 4)
})

test('those who take long are told one thing at a time', (t) => {
  const lanes = lanesAfter(12, 50)
  for (let n = 0; n < 4; n++) lanes.begin()
  for (let n = 0; n < 4; n++) lanes.end(1_500)
  t.is(widthOf(lanes), 1)
})
