import { OriginError } from '@shoal/content'
import test from 'ava'
import { followRedirect } from '../dist/redirect.js'

const subject = { registry: 'registry.example', repository: 'library/demo', what: 'blob' }
const from = new URL('https://registry.example/v2/library/demo/blobs/x')
const follow = (location: string | undefined, named: string[] = []) =>
  followRedirect({ from, location, isNamed: (origin) => named.includes(origin), subject }).href

test('follows to another host over https', (t) => {
  t.is(follow('https://cdn.example/x?signature=y'), 'https://cdn.example/x?signature=y')
})

test('follows a path on the same host', (t) => {
  t.is(follow('/x'), 'https://registry.example/x')
})

test('follows to a named upstream without TLS', (t) => {
  t.is(follow('http://10.0.0.5:5000/x', ['http://10.0.0.5:5000']), 'http://10.0.0.5:5000/x')
})

for (const location of [
  'http://cdn.example/x',
  'http://10.0.0.5:5001/x',
  'file:///etc/passwd',
  'ftp://cdn.example/x',
  'data:text/plain,x',
]) {
  test(`refuses ${location}`, (t) => {
    const error = t.throws(() => follow(location, ['http://10.0.0.5:5000']), { instanceOf: OriginError })
    t.is(error?.fault, 'refused')
  })
}

for (const location of [undefined, 'https://', `https://cdn.example/${'x'.repeat(9000)}`]) {
  test(`${String(location).slice(0, 40)} leads nowhere`, (t) => {
    const error = t.throws(() => follow(location), { instanceOf: OriginError })
    t.is(error?.fault, 'malformed')
  })
}

test('says no more of a target than its host', (t) => {
  const error = t.throws(() => follow('http://user:secret@cdn.example/x?signature=secret'), {
    instanceOf: OriginError,
  })
  t.notRegex(error?.message ?? '', /secret/)
})
