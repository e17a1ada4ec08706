import { request } from 'undici'
import { z } from 'zod'
import { RuntimesError } from './errors.ts'

const timeoutMs = 5_000
const schema = z.object({ seen: z.array(z.object({ registry: z.string(), name: z.string() })) })

/** The agent of this node, asked what its shim has seen. */
export interface AgentClient {
  /** `registry/name` of the canaries that were pulled through the shim lately. */
  canaries(): Promise<ReadonlySet<string>>
}

/** @param admin `host:port` of the agent's admin listener */
export function createAgentClient(admin: string): AgentClient {
  return {
    async canaries() {
      try {
        const signal = AbortSignal.timeout(timeoutMs)
        const { statusCode, body } = await request(`http://${admin}/api/v1/canaries`, { signal })
        if (statusCode !== 200) throw new Error(`status ${statusCode}`)
        const { seen } = schema.parse(await body.json())
        return new Set(seen.map(({ registry, name }) => `${registry}/${name}`))
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        const advice = 'start it (shoal agent), or say where it is with --admin-listen'
        throw new RuntimesError('agent', `the agent does not answer at ${admin} (${why}); ${advice}`, {
          cause,
        })
      }
    },
  }
}
