import clients from './ava.clients.config.js'

/** The matrix of clients and faults: it takes long, and writes docs/faults.md. */
export default { ...clients, files: ['test/clients/fault-matrix.test.ts'] }
