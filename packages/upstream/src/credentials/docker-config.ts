import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import * as z from 'zod/mini'
import type { Secret } from '../identity.ts'
import type { CredentialSource, RegistrySubject } from './credential-source.ts'
import { PluginError, runPlugin } from './run-plugin.ts'
import { WatchedFile } from './watched-file.ts'

/** By which Docker has known its own registry from before registries had names. */
const dockerHubKey = 'https://index.docker.io/v1/'
const dockerHubNames = ['docker.io', 'index.docker.io', 'registry-1.docker.io']
/** A helper starts a process, and some ask the network. Tokens of cloud registries are good for hours. */
const helperCacheMs = 5 * 60_000
const maxCached = 500
const helperName = z.string().check(z.regex(/^[\w.-]{1,64}$/))

const authSchema = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
  identitytoken: z.optional(z.string()),
})
const configSchema = z.object({
  auths: z._default(z.record(z.string(), authSchema), {}),
  credsStore: z.optional(z.union([helperName, z.literal('')])),
  credHelpers: z._default(z.record(z.string(), helperName), {}),
})
type DockerConfig = z.infer<typeof configSchema>

const helperAnswerSchema = z.object({ Username: z.string(), Secret: z.string() })
/** What the helpers of Docker say on standard output when they know nothing. */
const notFound = /credentials not found/i

/**
 * Credentials as `docker login` and `podman login` keep them: a `config.json`, an `auth.json`, or the directory where a
 * pull secret is mounted (`.dockerconfigjson`). Their helper programs (`credHelpers`, `credsStore`) are run as
 * `docker-credential-<name>`. The file is read again when it changes; while there is none, there are no credentials.
 */
export function dockerConfig(path: string): CredentialSource {
  const file = new WatchedFile([path, join(path, '.dockerconfigjson'), join(path, 'config.json')], parse)
  const helpers = new LRUCache<string, { secret: Secret | undefined }>({ max: maxCached, ttl: helperCacheMs })
  return {
    async find(subject, signal) {
      const config = await file.read()
      if (config === undefined) return undefined
      const names = namesOf(subject)
      const helper = first(names, config.credHelpers) ?? (config.credsStore || undefined)
      const helped = helper === undefined ? undefined : await askHelper(helper, subject, { helpers, signal })
      return helped ?? secretOf(first(names, config.auths))
    },
  }
}

/** Never quotes the text, which is all secrets. */
function parse(text: string): DockerConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('is not JSON; expected what docker login writes')
  }
  const read = configSchema.safeParse(value)
  if (read.success) return { ...read.data, ...normalised(read.data) }
  throw new Error(`${read.error.issues[0]?.path.join('.')} is not what docker login writes`)
}

function normalised({ auths, credHelpers }: DockerConfig): Pick<DockerConfig, 'auths' | 'credHelpers'> {
  const spell = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [normalise(key), value]))
  return { auths: spell(auths), credHelpers: spell(credHelpers) }
}

/** `https://index.docker.io/v1/` and `docker.io` are one; so are `https://quay.io` and `quay.io`. */
function normalise(key: string): string {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
  return dockerHubNames.includes(bare) ? 'docker.io' : bare
}

/** From the most special: the repository, what it is under, the registry. */
function namesOf({ registry, repository }: RegistrySubject): string[] {
  const parts = repository.split('/')
  return [...parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/')), registry]
}

function first<T>(names: readonly string[], record: Readonly<Record<string, T>>): T | undefined {
  const name = names.find((one) => Object.hasOwn(record, one))
  return name === undefined ? undefined : record[name]
}

function secretOf(entry: z.infer<typeof authSchema> | undefined): Secret | undefined {
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { identityToken: entry.identitytoken }
  const { username, password, auth } = entry
  if (username && password) return { username, password }
  const text = Buffer.from(auth ?? '', 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) return undefined
  // Docker has been seen to pad with zeros.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

interface HelperContext {
  readonly helpers: LRUCache<string, { secret: Secret | undefined }>
  readonly signal: AbortSignal | undefined
}

async function askHelper(
  helper: string,
  { registry }: RegistrySubject,
  { helpers, signal }: HelperContext,
): Promise<Secret | undefined> {
  const key = `${helper} ${registry}`
  const known = helpers.get(key)
  if (known !== undefined) return known.secret
  const server = registry === 'docker.io' ? dockerHubKey : registry
  const file = `docker-credential-${helper}`
  const output = await runPlugin({ file, args: ['get'], input: server, signal }).catch((error: unknown) => {
    if (error instanceof PluginError && notFound.test(error.output)) return undefined
    throw error
  })
  const secret = output === undefined ? undefined : helperSecret(file, output)
  helpers.set(key, { secret })
  return secret
}

function helperSecret(file: string, output: string): Secret {
  const read = helperAnswerSchema.safeParse(tryJson(output))
  if (!read.success) throw new Error(`credential plugin ${file} gave no credentials that can be read`)
  const { Username: username, Secret: password } = read.data
  return username === '<token>' ? { identityToken: password } : { username, password }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema says what is wrong
  }
}
