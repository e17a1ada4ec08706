import test from 'ava'
import { parseListenAddress } from '../dist/listen-address.js'

for (const [text, host, port] of [
  ['127.0.0.1:5005', '127.0.0.1', 5005],
  ['localhost:0', 'localhost', 0],
  ['[::1]:5005', '::1', 5005],
] as const) {
  test(`reads ${text}`, (t) => {
    t.deepEqual(parseListenAddress(text), { host, port })
  })
}

for (const text of [
  '',
  '5005',
  ':5005',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '::1:5005',
  'http://a:1',
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.throws(() => parseListenAddress(text), { code: 'LISTEN_INVALID', message: /expected host:port/ })
  })
}
