import clients from './ava.clients.config.js'

/** Hosts of a runtime each, which take this machine's memory and disk: one at a time, as clients are. */
export default { ...clients, files: ['test/install/**/*.test.ts'] }
