import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { parse as parseYaml } from 'yaml'
import * as z from 'zod/mini'
import type { Secret } from '../identity.ts'
import type { CredentialSource, RegistrySubject } from './credential-source.ts'
import { goDurationMs } from './go-duration.ts'
import { matchesImage } from './image-pattern.ts'
import { runPlugin } from './run-plugin.ts'
import { WatchedFile } from './watched-file.ts'

export interface KubeletProvidersInit {
  /** What kubelet gets as `--image-credential-provider-config`. */
  readonly configFile: string
  /** What kubelet gets as `--image-credential-provider-bin-dir`. */
  readonly binDir: string
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined
}

const apiVersion = z.string().check(z.regex(/^credentialprovider\.kubelet\.k8s\.io\/v\w{1,16}$/))
const duration = z.pipe(
  z.string(),
  z.transform((text) => goDurationMs(text)),
)
const providerSchema = z.object({
  name: z.string().check(z.regex(/^[^/\\\s]{1,253}$/)),
  matchImages: z.array(z.string()),
  defaultCacheDuration: z.optional(duration),
  apiVersion,
  args: z._default(z.array(z.string()), []),
  env: z._default(z.array(z.object({ name: z.string(), value: z.string() })), []),
})
type Provider = z.infer<typeof providerSchema>
const configSchema = z.object({
  kind: z.literal('CredentialProviderConfig'),
  providers: z.array(providerSchema),
})

const responseSchema = z.object({
  kind: z.literal('CredentialProviderResponse'),
  cacheKeyType: z.enum(['Image', 'Registry', 'Global']),
  cacheDuration: z.optional(z.nullable(duration)),
  auth: z.nullish(z.record(z.string(), z.object({ username: z.string(), password: z.string() }))),
})
type ProviderResponse = z.infer<typeof responseSchema>

interface Cached {
  readonly auth: ProviderResponse['auth']
  readonly until: number
}

const maxCached = 1_000

/** Credentials from the plugins that kubelet uses for clouds' registries (the exec protocol of KEP-2133). */
export function kubeletProviders({
  configFile,
  binDir,
  now = Date.now,
}: KubeletProvidersInit): CredentialSource {
  const file = new WatchedFile([configFile], parseConfig, now)
  const cache = new LRUCache<string, Cached>({ max: maxCached })
  return {
    async find(subject, signal) {
      const image = `${subject.registry}/${subject.repository}`
      const config = await file.read()
      for (const provider of config?.providers ?? []) {
        if (!provider.matchImages.some((pattern) => matchesImage(pattern, image))) continue
        const known = keysOf(provider, subject).map((key) => cache.get(key))
        const fresh = known.find((entry) => entry !== undefined && now() < entry.until)
        const auth =
          fresh === undefined ? await ask({ provider, binDir, subject, cache, now, signal }) : fresh.auth
        const secret = bestMatch(auth, image)
        if (secret !== undefined) return secret
      }
      return undefined
    },
  }
}

function parseConfig(text: string): z.infer<typeof configSchema> {
  const read = configSchema.safeParse(parseYaml(text))
  if (read.success) return read.data
  const issue = read.error.issues[0]
  throw new Error(`${issue?.path.join('.') || 'the document'}: ${issue?.message}`)
}

interface Question {
  readonly provider: Provider
  readonly binDir: string
  readonly subject: RegistrySubject
  readonly cache: LRUCache<string, Cached>
  readonly now: () => number
  readonly signal: AbortSignal | undefined
}

async function ask({
  provider,
  binDir,
  subject,
  cache,
  now,
  signal,
}: Question): Promise<ProviderResponse['auth']> {
  const image = `${subject.registry}/${subject.repository}`
  const output = await runPlugin({
    file: join(binDir, provider.name),
    args: provider.args,
    env: Object.fromEntries(provider.env.map(({ name, value }) => [name, value])),
    input: JSON.stringify({ apiVersion: provider.apiVersion, kind: 'CredentialProviderRequest', image }),
    signal,
  })
  const { auth, cacheKeyType, cacheDuration } = readResponse(provider, output)
  const [byImage = '', byRegistry = '', global = ''] = keysOf(provider, subject)
  const key = { Image: byImage, Registry: byRegistry, Global: global }[cacheKeyType]
  const lifetimeMs = cacheDuration ?? provider.defaultCacheDuration ?? 0
  if (lifetimeMs > 0) cache.set(key, { auth, until: now() + lifetimeMs })
  return auth
}

/** Never quotes what the plugin wrote. */
function readResponse(provider: Provider, output: string): ProviderResponse {
  try {
    return responseSchema.parse(JSON.parse(output))
  } catch {
    throw new Error(`credential provider ${provider.name} gave no CredentialProviderResponse`)
  }
}

/** By image, by registry, for all: as the plugin says that its answer may be kept. */
function keysOf({ name }: Provider, { registry, repository }: RegistrySubject): string[] {
  return [`${name} ${registry}/${repository}`, `${name} ${registry}`, name]
}

/** Of the patterns that fit, the longest. */
function bestMatch(auth: ProviderResponse['auth'], image: string): Secret | undefined {
  const fitting = Object.entries(auth ?? {}).filter(([pattern]) => matchesImage(pattern, image))
  return fitting.sort(([a], [b]) => b.length - a.length)[0]?.[1]
}
