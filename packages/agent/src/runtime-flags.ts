import v8 from 'node:v8'

/**
 * V8 from Node 24 on lets the young generation grow so large that a process which allocates many short-lived buffers
 * takes twice the CPU (nodejs/node#61967); 8 MiB more than halves it (`npm run bench:transfer`). Imported first,
 * because the setting counts only before the heap has grown; older V8s don't know the flag and complain.
 */
const firstNodeWithLargeYoungGeneration = 24

if (Number(process.versions.node.split('.')[0]) >= firstNodeWithLargeYoungGeneration) {
  v8.setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')
}
