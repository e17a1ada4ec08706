export default {
  files: ['packages/*/test/**/*.test.ts', 'test/{bench,e2e,figures,simulation,testbed}/**/*.test.ts'],
  extensions: ['ts'],
  // A process for each file: a leaked handle shows as a run that does not end, and V8 flags stay apart.
  workerThreads: false,
  timeout: '120s',
  nodeArguments: ['--enable-source-maps'],
}
