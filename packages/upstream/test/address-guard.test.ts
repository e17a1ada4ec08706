import { promisify } from 'node:util'
import test from 'ava'
import { guarded, isPublicAddress, PrivateAddressError, socketLookup } from '../dist/address-guard.js'

for (const address of ['93.184.216.34', '1.1.1.1', '2606:4700::1111', '64:ff9b::5db8:d822']) {
  test(`${address} is public`, (t) => {
    t.true(isPublicAddress(address))
  })
}

for (const address of [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '192.0.0.170',
  '192.168.1.1',
  '198.18.0.1',
  '203.0.113.7',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:93.184.216.34',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '64:ff9b::a00:1',
  '64:ff9b:1::1',
  '2001:db8::1',
  '2002:a00:1::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '4000::1',
  'registry.example',
  '',
]) {
  test(`${JSON.stringify(address)} is not public`, (t) => {
    t.false(isPublicAddress(address))
  })
}

test('a name is refused when any of its addresses is private', async (t) => {
  const lookup = guarded(async () => [
    { address: '93.184.216.34', family: 4 },
    { address: '10.0.0.1', family: 4 },
  ])
  const error = await t.throwsAsync(lookup('registry.example'), { instanceOf: PrivateAddressError })
  t.is(error?.address, '10.0.0.1')
})

test('a name with public addresses alone gets them all', async (t) => {
  const addresses = [
    { address: '93.184.216.34', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ]
  t.deepEqual(await guarded(async () => addresses)('registry.example'), addresses)
})

test('a socket gets all addresses, or the first, or those of a family', async (t) => {
  const addresses = [
    { address: '93.184.216.34', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ]
  const lookup = promisify(socketLookup(async () => addresses))
  t.deepEqual(await lookup('registry.example', { all: true }), addresses)
  t.is(await lookup('registry.example', {}), '93.184.216.34')
  t.is(await lookup('registry.example', { family: 6 }), '2606:4700::1111')
})

test('a socket is told when a name has no address', async (t) => {
  const lookup = promisify(socketLookup(async () => []))
  await t.throwsAsync(lookup('registry.example', { all: true }), { code: 'ENOTFOUND' })
})
