export default {
  files: ['test/image/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '900s',
  nodeArguments: ['--enable-source-maps'],
}
