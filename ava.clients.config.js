export default {
  files: ['test/clients/**/*.test.ts', '!test/clients/fault-matrix.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  // The runtimes share this machine's containerd sockets and mounts: one file at a time.
  concurrency: 1,
  serial: true,
  timeout: '600s',
  nodeArguments: ['--enable-source-maps'],
}
