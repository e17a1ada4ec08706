import test from 'ava'
import { AnnounceLanes } from '../../dist/discovery/announce-lanes.js'

function widthOf(lanes: AnnounceLanes): number {
  let width = 0
  for (; lanes.isFree; width++) lanes.begin()
  for (let n = 0; n < width; n++) lanes.end(0)
  return width
}

test('a few announcements are made at once', (t) => {
  t.is(widthOf(new AnnounceLanes()), 4)
})

test('those who take long are told one thing at a time', (t) => {
  const lanes = new AnnounceLanes()
  for (let n = 0; n < 4; n++) lanes.begin()
  for (let n = 0; n < 3; n++) lanes.end(1_500)
  t.false(lanes.isFree)
  lanes.end(1_500)
  t.true(lanes.isFree)
  lanes.begin()
  t.false(lanes.isFree)
})

test('when they have time again, several are made at once again', (t) => {
  const lanes = new AnnounceLanes()
  for (let n = 0; n < 10; n++) {
    lanes.begin()
    lanes.end(1_500)
  }
  for (let n = 0; n < 12; n++) {
    lanes.begin()
    lanes.end(100)
  }
  t.is(widthOf(lanes), 4)
})
