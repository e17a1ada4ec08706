export default {
  files: ['test/chart/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  // Each file builds what it needs the first time: one at a time on small machines.
  concurrency: 1,
  timeout: '2400s',
  nodeArguments: ['--enable-source-maps'],
}
