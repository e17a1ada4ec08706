import v8 from 'node:v8'

/**
 * V8 from Node 24 on starts with a small young generation, which about doubles the CPU time of a process that
 * allocates many short-lived buffers (nodejs/node#61967). 8 MiB restores Node 22's figure. Imported first,
 * because the setting counts only before the heap has grown; older V8s don't know the flag and complain.
 */
const firstNodeWithSmallYoungGeneration = 24

if (Number(process.versions.node.split('.')[0]) >= firstNodeWithSmallYoungGeneration) {
  v8.setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')
}
