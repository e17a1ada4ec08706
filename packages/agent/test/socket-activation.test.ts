import test from 'ava'
import { ConfigurationError } from '../dist/config/problems.js'
import { listensElsewhere, readRegistrySocket, takeRegistrySocket } from '../dist/socket-activation.js'

const pid = 4321
const handedOver = { LISTEN_PID: '4321', LISTEN_FDS: '1', LISTEN_FDNAMES: 'registry' }

test('takes the socket that is handed over', (t) => {
  t.deepEqual(readRegistrySocket(handedOver, pid), { fd: 3 })
})

test('the programs that it runs hear nothing of it', (t) => {
  const environment = { ...handedOver, HOME: '/root' }
  t.deepEqual(takeRegistrySocket(environment, pid), { fd: 3 })
  t.deepEqual(Object.entries(environment), [['HOME', '/root']])
})

test('they hear nothing of what made no sense either', (t) => {
  const environment = { ...handedOver, LISTEN_FDS: 'many' }
  t.throws(() => takeRegistrySocket(environment, pid))
  t.deepEqual(Object.entries(environment), [])
})

for (const [what, environment] of [
  ['nothing is handed over', {}],
  ['it is for another process', { ...handedOver, LISTEN_PID: '4320' }],
  ['it is for another process, whatever it is', { LISTEN_PID: '4320', LISTEN_FDS: 'x' }],
  ['there is no LISTEN_PID', { LISTEN_FDS: '1', LISTEN_FDNAMES: 'registry' }],
  ['there is no LISTEN_FDS', { LISTEN_PID: '4321', LISTEN_FDNAMES: 'registry' }],
] as const) {
  test(`takes no socket when ${what}`, (t) => {
    t.is(readRegistrySocket(environment, pid), undefined)
  })
}

const sockets = (got: string) =>
  `LISTEN_FDS: got ${got}, expected 1 with the name registry (FileDescriptorName=registry in the socket unit)`
const number = (variable: string, got: string) =>
  `${variable}: got ${JSON.stringify(got)}, expected ${variable === 'LISTEN_PID' ? 'a process id' : 'the number of sockets'}, 1 or more`

for (const [what, changes, message] of [
  ['a process id that is no number', { LISTEN_PID: 'me' }, number('LISTEN_PID', 'me')],
  ['an empty process id', { LISTEN_PID: '' }, number('LISTEN_PID', '')],
  ['a number of sockets that is none', { LISTEN_FDS: '1.5' }, number('LISTEN_FDS', '1.5')],
  ['no sockets', { LISTEN_FDS: '0' }, number('LISTEN_FDS', '0')],
  ['less than none', { LISTEN_FDS: '-1' }, number('LISTEN_FDS', '-1')],
  ['more than there can be', { LISTEN_FDS: '2147483645' }, number('LISTEN_FDS', '2147483645')],
  [
    'another name',
    { LISTEN_FDNAMES: 'shoal.socket' },
    sockets('1 socket with LISTEN_FDNAMES "shoal.socket"'),
  ],
  ['an empty name', { LISTEN_FDNAMES: '' }, sockets('1 socket with LISTEN_FDNAMES ""')],
  ['no name', { LISTEN_FDNAMES: undefined }, sockets('1 socket with LISTEN_FDNAMES "unknown"')],
  [
    'two sockets',
    { LISTEN_FDS: '2', LISTEN_FDNAMES: 'registry:registry' },
    sockets('2 sockets with LISTEN_FDNAMES "registry:registry"'),
  ],
  ['a socket too many', { LISTEN_FDS: '2' }, sockets('2 sockets with LISTEN_FDNAMES "registry"')],
  [
    'a name too many',
    { LISTEN_FDNAMES: 'registry:admin' },
    sockets('1 socket with LISTEN_FDNAMES "registry:admin"'),
  ],
] as const) {
  test(`refuses ${what}`, (t) => {
    t.throws(() => readRegistrySocket({ ...handedOver, ...changes }, pid), {
      instanceOf: ConfigurationError,
      message,
    })
  })
}

for (const [host, port, configured, elsewhere] of [
  ['127.0.0.1', 5005, '127.0.0.1:5005', false],
  ['::1', 5005, '[::1]:5005', false],
  ['127.0.0.1', 5005, 'localhost:5005', false],
  ['127.0.0.1', 5005, '127.0.0.1:0', false],
  ['127.0.0.1', 5005, '127.0.0.1:5055', true],
  ['127.0.0.1', 5005, '127.0.0.2:5005', true],
  ['0.0.0.0', 5005, 'localhost:5005', true],
] as const) {
  test(`a socket at ${host} port ${port} is ${elsewhere ? 'not ' : ''}where ${configured} says`, (t) => {
    t.is(listensElsewhere({ host, port }, configured), elsewhere)
  })
}
