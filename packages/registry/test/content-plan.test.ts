import test from 'ava'
import { planContent } from '../dist/content-plan.js'
import { unknownDigest as digest } from './fixture.ts'

const etag = `"${digest}"`
const base = { isHead: false, digest, size: 1000, headers: {} }

test('content without conditions is sent whole', (t) => {
  const plan = planContent(base)
  t.is(plan.status, 200)
  t.like(plan.headers, { 'Content-Length': 1000, 'Accept-Ranges': 'bytes', ETag: etag })
})

test('a range gives a part', (t) => {
  const plan = planContent({ ...base, headers: { range: 'bytes=10-19' } })
  t.is(plan.status, 206)
  t.like(plan.headers, { 'Content-Length': 10, 'Content-Range': 'bytes 10-19/1000' })
})

test('a range on HEAD is ignored', (t) => {
  t.is(planContent({ ...base, isHead: true, headers: { range: 'bytes=10-19' } }).status, 200)
})

test('a range that can not be served says how long the content is', (t) => {
  const error = t.throws(() => planContent({ ...base, headers: { range: 'bytes=9-3' } }))
  t.like(error, { status: 416, code: 'RANGE_INVALID', headers: { 'Content-Range': 'bytes */1000' } })
})

for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
  test(`If-None-Match ${header.slice(0, 14)} means not modified`, (t) => {
    t.is(planContent({ ...base, headers: { 'if-none-match': header } }).status, 304)
  })
}

test('If-None-Match of other content is sent', (t) => {
  t.is(planContent({ ...base, headers: { 'if-none-match': '"sha256:other"' } }).status, 200)
})

test('If-Range of this content keeps the range', (t) => {
  t.is(planContent({ ...base, headers: { range: 'bytes=1-2', 'if-range': etag } }).status, 206)
})

for (const header of ['"sha256:other"', `W/${etag}`, 'Wed, 21 Oct 2026 07:28:00 GMT']) {
  test(`If-Range ${header.slice(0, 14)} drops the range`, (t) => {
    t.is(planContent({ ...base, headers: { range: 'bytes=1-2', 'if-range': header } }).status, 200)
  })
}
