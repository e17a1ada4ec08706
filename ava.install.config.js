export default {
  files: ['test/install/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  // Hosts of a runtime each, which take this machine's memory and disk: one at a time.
  concurrency: 1,
  serial: true,
  timeout: '600s',
  nodeArguments: ['--enable-source-maps'],
}
