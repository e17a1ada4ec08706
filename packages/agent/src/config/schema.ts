import * as z from 'zod'
import { isBootstrap, isHostPort, isListenAddress, isPeerAddress, isRegistryHost } from './addresses.ts'
import { parseSpaceAmount } from './byte-size.ts'
import { parseSeconds } from './duration.ts'
import { listOf, section, text } from './schema-parts.ts'
import { upstreamSchema } from './upstream-schema.ts'

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

export const pushModes = ['refused', 'passthrough'] as const
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const hostPortText = 'host:port with a port from 0 to 65535, such as 127.0.0.1:5005'
const spaceText = 'a size such as 50GiB, or a share of the file system such as 50%'
const isSpaceAmount = (value: string) => parseSpaceAmount(value) !== undefined

const listenAddress = '/ip4/<address>/tcp/<port> or /ip6/…'
const peerAddress =
  '/ip4/<address>/tcp/<port>, /ip6/… or /dns4/<name>/tcp/<port>, optionally with /p2p/<peer id>'

const bootstrap = `${peerAddress}; srv:<DNS name>, file:<path> or mdns`

/** What depends on where an agent runs. */
export interface SettingDefaults {
  readonly dataDir: string
  /**
   * What keeps an agent's end within the 10 s that many who send SIGTERM allow. Where the time allowed is known to be longer
   * (the chart, the systemd unit), more pulls come to their end.
   *
   * @default 4s
   */
  readonly drain?: string
}

/**
 * The one description of what can be configured. Sections are sections of the YAML file; flags, environment
 * variables, defaults, checks and `--help` all follow from it. Messages state what was expected.
 */
export const settingsSchema = (defaults: SettingDefaults) =>
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
      exposed: z.boolean({ error: 'true or false' }).default(false).register(settingNotes, {
        description: 'let the shim listen beyond loopback, where others can pull through it',
      }),
      push: z
        .enum(pushModes, { error: `one of ${pushModes.join(', ')}` })
        .default('refused')
        .register(settingNotes, {
          argument: '<mode>',
          description: 'passthrough lets clients push through the shim, which keeps the blobs for the swarm',
        }),
      drain: text('whole seconds, such as 60s', (value) => parseSeconds(value) !== undefined)
        .default(defaults.drain ?? '4s')
        .register(settingNotes, {
          argument: '<seconds>',
          description:
            'how long an agent that is told to stop goes on with pulls that are under way, such as 60s',
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
      zone: text('a name of at most 128 characters without white space', (value) => /^\S{1,128}$/.test(value))
        .optional()
        .register(settingNotes, {
          flag: 'zone',
          argument: '<name>',
          description: 'where this node is, e.g. eu-west-1a: between zones each chunk crosses about once',
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
    credentials: section({
      files: listOf(text('the path of a file or directory'), 'paths of files or directories')
        .default([])
        .register(settingNotes, {
          flag: 'credentials-file',
          argument: '<path>',
          list: true,
          description:
            'credentials of registries: a config.json of Docker, an auth.json of Podman, a mounted pull secret',
        }),
      providerConfig: text('the path of a file').optional().register(settingNotes, {
        argument: '<file>',
        description: "kubelet's --image-credential-provider-config: plugins that give credentials",
      }),
      providerBinDir: text('the path of a directory').optional().register(settingNotes, {
        argument: '<dir>',
        description: "kubelet's --image-credential-provider-bin-dir",
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
