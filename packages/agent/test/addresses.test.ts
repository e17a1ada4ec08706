import test from 'ava'
import {
  isBootstrap,
  isHostPort,
  isListenAddress,
  isPeerAddress,
  splitHostPort,
} from '../dist/config/addresses.js'

test('host:port is split at its last colon, brackets removed', (t) => {
  t.deepEqual(splitHostPort('[::1]:5005'), { host: '::1', port: 5005 })
})

for (const value of ['127.0.0.1:0', 'localhost:65535', '[::]:80', 'node-1.corp:1']) {
  test(`${value} is a host and a port`, (t) => t.true(isHostPort(value)))
}

for (const value of [
  '',
  ':5005',
  '127.0.0.1',
  '127.0.0.1:65536',
  '::1:80',
  '[1.2.3.4]:80',
  'a b:1',
  'a:1x',
  'a:-1',
]) {
  test(`"${value}" is no host and port`, (t) => t.false(isHostPort(value)))
}

for (const value of ['/ip4/0.0.0.0/tcp/5006', '/ip6/::/tcp/0']) {
  test(`${value} can be listened on`, (t) => t.true(isListenAddress(value)))
}

for (const value of [
  '/ip4/::/tcp/1',
  '/dns4/a/tcp/1',
  '/ip4/0.0.0.0/tcp/70000',
  '/ip4/0.0.0.0/tcp/1/p2p/x',
]) {
  test(`${value} can't be listened on`, (t) => t.false(isListenAddress(value)))
}

const peerId = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
for (const value of [
  '/ip4/10.0.0.1/tcp/5006',
  `/ip6/fd00::1/tcp/5006/p2p/${peerId}`,
  '/dns/shoal.kube-system.svc/tcp/1',
]) {
  test(`${value} is where a peer can be`, (t) => t.true(isPeerAddress(value)))
}
for (const value of [
  '/ip4/10.0.0.1/tcp/5006/p2p/0OIl',
  `/ip4/10.0.0.1/tcp/5006/p2p/${peerId.slice(1)}`,
  `/ip4/10.0.0.1/tcp/5006/p2p/${peerId}x`,
  '/dns4/a b/tcp/1',
  '/unix/tmp/x',
  `/p2p/${peerId}`,
  '/ip4/10.0.0.1/tcp/1/',
]) {
  test(`${value} is not where a peer can be`, (t) => t.false(isPeerAddress(value)))
}

for (const value of [
  '/dns/shoal/tcp/5006',
  'srv:_swarm._tcp.shoal.kube-system.svc',
  'file:/etc/shoal/peers',
  'mdns',
]) {
  test(`peers can be found by ${value}`, (t) => t.true(isBootstrap(value)))
}
