import * as z from 'zod'
import { isRegistryUrl } from './addresses.ts'
import { section, text } from './schema-parts.ts'

const urlText = 'an http:// or https:// URL without credentials, query or fragment'
const file = () => text('the path of a file').optional()
const positive = () =>
  z.number({ error: 'a number above 0' }).positive({ error: 'a number above 0' }).optional()

/** How to reach one server: a registry, or a mirror of it. */
const endpoint = {
  url: text(urlText, isRegistryUrl),
  username: text('a user name').optional(),
  passwordFile: file(),
  caFile: file(),
  certFile: file(),
  keyFile: file(),
  maxConnections: z
    .int({ error: 'a whole number above 0' })
    .positive({ error: 'a whole number above 0' })
    .optional(),
  requestsPerSecond: positive(),
}

type Endpoint = Partial<Record<keyof typeof endpoint, unknown>>
const both = (one: keyof Endpoint, other: keyof Endpoint) => (given: Endpoint) =>
  (given[one] === undefined) === (given[other] === undefined)
const account = { error: 'username and passwordFile together, or neither' }
const certificate = { error: 'certFile and keyFile together, or neither' }

const mirrorSchema = section(endpoint)
  .refine(both('username', 'passwordFile'), account)
  .refine(both('certFile', 'keyFile'), certificate)

export const upstreamSchema = section({
  ...endpoint,
  tokenService: text(urlText, isRegistryUrl).optional(),
  shared: z.boolean({ error: 'true or false' }).optional(),
  mirrors: z.array(mirrorSchema, { error: 'a list of mirrors' }).optional(),
})
  .refine(both('username', 'passwordFile'), account)
  .refine(both('certFile', 'keyFile'), certificate)

export type EndpointSettings = z.infer<typeof mirrorSchema>
export type UpstreamSection = z.infer<typeof upstreamSchema>
