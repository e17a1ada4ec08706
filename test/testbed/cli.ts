/**
 * Makes a cluster of network namespaces, prints how to reach each host, and stays until it is interrupted.
 *
 *     npm run testbed -- --nodes 16 --link 200mbit --upstream 200mbit
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { parseCount, parseQuantity, rateUnits } from '../figures/quantity.ts'
import { clusterHosts, Testbed, whyNoTestbed } from './testbed.ts'

const usage = `npm run testbed -- [options]

  --nodes <n>         hosts beside that of the upstream registry   [4]
  --link <rate>       of each node, both ways: 200mbit, 1gbit      [1gbit]
  --upstream <rate>   of the upstream registry's host              [1gbit]
`

const cluster = readOptions()
const reason = await whyNoTestbed()
if (reason !== undefined) fail(reason)
const ended = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')])
await using testbed = await Testbed.start(clusterHosts(cluster))
const width = Math.max(...testbed.hosts.map(({ name }) => name.length))
for (const { name, address, namespace } of testbed.hosts) {
  print(`${name.padEnd(width)}  ${address.padEnd(12)}  ip netns exec ${namespace} bash`)
}
print('\nInterrupt (Ctrl-C) to end every process on them, and to remove them.')
// Waiting for a signal does not keep Node.js alive.
const stay = setInterval(() => {}, 2 ** 30)
await ended
clearInterval(stay)

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string', default: '4' },
        link: { type: 'string', default: '1gbit' },
        upstream: { type: 'string', default: '1gbit' },
      },
    })
    return {
      nodes: parseCount('nodes', values.nodes, 31),
      link: parseQuantity('link', values.link, rateUnits),
      upstream: parseQuantity('upstream', values.upstream, rateUnits),
    }
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`)
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
