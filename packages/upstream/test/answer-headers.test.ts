import test from 'ava'
import fc from 'fast-check'
import { contentEncoding, contentLength, mediaType, nextQuery, retryAfterMs } from '../dist/answer-headers.js'

test('a length is digits', (t) => {
  t.is(contentLength({ 'content-length': '42' }), 42)
  for (const text of ['', '-1', '4.2', '0x10', '9'.repeat(20), 'a']) {
    t.is(contentLength({ 'content-length': text }), undefined)
  }
})

test('a repeated length is none', (t) => {
  t.is(contentLength({ 'content-length': ['1', '2'] }), undefined)
})

test('a media type comes without its parameters', (t) => {
  t.is(mediaType({ 'content-type': 'application/json; charset=utf-8' }), 'application/json')
})

test('what is no media type is bytes', (t) => {
  for (const text of [undefined, '', 'json', 'a/b c', `a/${'b'.repeat(300)}`]) {
    t.is(mediaType({ 'content-type': text }), 'application/octet-stream')
  }
})

test('identity is no encoding', (t) => {
  t.is(contentEncoding({}), undefined)
  t.is(contentEncoding({ 'content-encoding': 'Identity' }), undefined)
  t.is(contentEncoding({ 'content-encoding': 'gzip' }), 'gzip')
})

test('a wait is seconds or a date', (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  t.is(retryAfterMs({ 'retry-after': '3' }, now), 3_000)
  t.is(retryAfterMs({ 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, now), 5_000)
  t.is(retryAfterMs({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, now), 0)
  t.is(retryAfterMs({ 'retry-after': 'soon' }, now), undefined)
  t.is(retryAfterMs({}, now), undefined)
})

test('the next page is the query of the link, wherever it points', (t) => {
  t.is(nextQuery({ link: '</v2/a/tags/list?last=b&n=2>; rel="next"' }), 'last=b&n=2')
  t.is(nextQuery({ link: '<https://other.example/x?last=b>; rel=next' }), 'last=b')
  t.is(nextQuery({ link: ['<?a=1>; rel="prev"', '<?a=2>; title="x"; rel="next"'] }), 'a=2')
})

test('there is no next page without a link to it', (t) => {
  for (const link of [
    undefined,
    '',
    '<?a=1>',
    '<?a=1>; rel="prev"',
    '</x>; rel="next"',
    `<?${'a'.repeat(3000)}>; rel="next"`,
  ]) {
    t.is(nextQuery({ link }), undefined)
  }
})

test('garbage in headers never throws', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      contentLength({ 'content-length': text })
      contentEncoding({ 'content-encoding': text })
      mediaType({ 'content-type': text })
      nextQuery({ link: `<${text}>; rel="next"` })
      const wait = retryAfterMs({ 'retry-after': text }, 0)
      return wait === undefined || wait >= 0
    }),
  )
  t.pass()
})
