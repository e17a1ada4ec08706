import * as z from 'zod'
import {
  isBootstrap,
  isHostPort,
  isListenAddress,
  isPeerAddress,
  isRegistryHost,
  isRegistryUrl,
} from './addresses.ts'
import { parseSpaceAmount } from './byte-size.ts'

/** How one setting is spelled outside the configuration file. */
export interface SettingNotes {
  readonly description: string
  /** Shape of the flag's argument, as `--help` shows it. A switch has none. */
  readonly argument?: string
  /** A list takes a repeated flag, and a comma between entries in the environment. @default false */
  readonly list?: boolean
  /** Flag without its dashes. @default the path in kebab case: `registry.listen` is `registry-listen` */
  readonly flag?: string
}

/** The notes of every setting in {@link settingsSchema}, by its schema. */
export const settingNotes = z.registry<SettingNotes>()

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const hostPortText = 'host:port with a port from 0 to 65535, such as 127.0.0.1:5005'
const spaceText = 'a size such as 50GiB, or a share of the file system such as 50%'
const isSpaceAmount = (value: string) => parseSpaceAmount(value) !== undefined
const urlText = 'an http:// or https:// URL without credentials, query or fragment'

/** A text that a predicate accepts. The error message is what was expected: a problem line quotes it. */
const text = (expected: string, accepts: (value: string) => boolean = (value) => value !== '') =>
  z.string({ error: expected }).refine(accepts, { error: expected })

const listOf = (element: z.ZodType<string>, expected: string) =>
  z.array(element, { error: `a list of ${expected}` })

const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'invalid_type' ? 'a mapping' : undefined) })

const listenAddress = '/ip4/<address>/tcp/<port> or /ip6/…'
const peerAddress =
  '/ip4/<address>/tcp/<port>, /ip6/… or /dns4/<name>/tcp/<port>, optionally with /p2p/<peer id>'

const bootstrap = `${peerAddress}; srv:<DNS name>, file:<path> or mdns`

const upstreamSchema = section({
  url: text(urlText, isRegistryUrl),
  username: text('a user name').optional(),
  passwordFile: text('the path of a file').optional(),
}).refine((upstream) => (upstream.username === undefined) === (upstream.passwordFile === undefined), {
  error: 'username and passwordFile together, or neither',
})

/**
 * The one description of what can be configured. Sections are sections of the YAML file; flags, environment
 * variables, defaults, checks and `--help` all follow from it. Messages state what was expected.
 */
export const settingsSchema = (defaults: { dataDir: string }) =>
  section({
    dataDir: text('the path of a directory').default(defaults.dataDir).register(settingNotes, {
      argument: '<dir>',
      description: 'where blobs, their index and the identity of this node are kept',
    }),
    registry: section({
      listen: text(hostPortText, isHostPort).default('127.0.0.1:5005').register(settingNotes, {
        argument: '<host:port>',
        description: 'where container runtimes reach the registry shim',
      }),
    }).prefault({}),
    swarm: section({
      listen: listOf(text(listenAddress, isListenAddress), listenAddress)
        .default(['/ip4/0.0.0.0/tcp/5006'])
        .register(settingNotes, {
          argument: '<multiaddr>',
          list: true,
          description: 'where peers reach this node',
        }),
      announce: listOf(text(peerAddress, isPeerAddress), peerAddress).default([]).register(settingNotes, {
        flag: 'announce',
        argument: '<multiaddr>',
        list: true,
        description: 'address told to peers instead of those listened on',
      }),
      bootstrap: listOf(text(bootstrap, isBootstrap), bootstrap).default([]).register(settingNotes, {
        flag: 'bootstrap',
        argument: '<place>',
        list: true,
        description: 'where to find nodes of the swarm: a multiaddr, srv:<DNS name>, file:<path> or mdns',
      }),
    }).prefault({}),
    cache: section({
      quota: text(spaceText, isSpaceAmount).default('50%').register(settingNotes, {
        argument: '<size>',
        description:
          'what blobs may take on disk: a size such as 50GiB, or percent of the file system; the least recently used give way',
      }),
      minFree: text(spaceText, isSpaceAmount).default('1GiB').register(settingNotes, {
        argument: '<size>',
        description: 'what the file system keeps free, as a size or in percent; blobs give way for it',
      }),
      containerdContent: text('the path of a directory').optional().register(settingNotes, {
        flag: 'containerd-content',
        argument: '<dir>',
        description:
          "containerd's content store or root (/var/lib/containerd): blobs in it are shared from there, without a second copy",
      }),
    }).prefault({}),
    admin: section({
      listen: text(hostPortText, isHostPort).default('127.0.0.1:5007').register(settingNotes, {
        argument: '<host:port>',
        description: 'where health, metrics and the admin API are served',
      }),
    }).prefault({}),
    cluster: section({
      secretFile: text('the path of a file').optional().register(settingNotes, {
        argument: '<file>',
        description: 'the secret that all nodes share; made in the data directory when not named',
      }),
    }).prefault({}),
    upstreams: section({
      registries: z
        .record(text('a registry as host or host:port', isRegistryHost), upstreamSchema, {
          error: 'a mapping of registries',
        })
        .default({})
        .register(settingNotes, {
          flag: 'upstream',
          argument: '<registry>=<url>',
          list: true,
          description: 'where a registry really is: needed for plain-http and private ones',
        }),
      only: z.boolean({ error: 'true or false' }).default(false).register(settingNotes, {
        description: 'serve no other registries than the upstreams named',
      }),
    }).prefault({}),
    log: section({
      level: z
        .enum(logLevels, { error: `one of ${logLevels.join(', ')}` })
        .default('info')
        .register(settingNotes, { argument: '<level>', description: `one of ${logLevels.join(', ')}` }),
    }).prefault({}),
  })

export type Settings = z.infer<ReturnType<typeof settingsSchema>>
