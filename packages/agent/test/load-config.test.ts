import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type AgentConfig, type ConfigSources, loadConfig } from '../dist/config/load-config.js'
import { ConfigurationError } from '../dist/config/problems.js'
import { temporaryDirectory, writeTree } from './fixture.ts'

type Flags = Record<string, string | string[] | boolean>

function sources(flags: Flags = {}, environment: ConfigSources['environment'] = {}): ConfigSources {
  return {
    flags: new Map(Object.entries(flags)),
    unknownArguments: [],
    environment,
    defaults: { dataDir: '/state/shoal' },
  }
}

async function withYaml(t: ExecutionContext, yaml: string): Promise<string> {
  return join(await writeTree(await temporaryDirectory(t), { 'shoal.yaml': yaml }), 'shoal.yaml')
}

/** What is wrong, with the file's path cut out. */
async function problemsOf(t: ExecutionContext, wrong: Promise<AgentConfig>): Promise<string[]> {
  const error = await t.throwsAsync(wrong, { instanceOf: ConfigurationError })
  return (error?.problems ?? []).map((line) => line.replace(/^\S*\/shoal\.yaml: /, ''))
}

const peer = '/ip4/10.0.0.7/tcp/5006'
const hostPort = 'host:port with a port from 0 to 65535, such as 127.0.0.1:5005'
const peerAddress =
  '/ip4/<address>/tcp/<port>, /ip6/… or /dns4/<name>/tcp/<port>, optionally with /p2p/<peer id>'

test('without any source, the defaults hold', async (t) => {
  const { settings, upstreams, clusterSecret } = await loadConfig(sources())
  t.deepEqual(settings, {
    dataDir: '/state/shoal',
    cache: { quota: '50%', minFree: '1GiB' },
    registry: { listen: '127.0.0.1:5005', exposed: false, push: 'refused', drain: '4s' },
    swarm: { listen: ['/ip4/0.0.0.0/tcp/5006'], announce: [], bootstrap: [] },
    admin: { listen: '127.0.0.1:5007' },
    cluster: {},
    credentials: { files: [] },
    upstreams: { registries: {}, only: false },
    log: { level: 'info' },
  })
  t.deepEqual(upstreams, [])
  t.is(clusterSecret, undefined)
})

test('a flag wins over the environment, which wins over the file', async (t) => {
  const file = await withYaml(
    t,
    'dataDir: /from/file\nregistry: { listen: "127.0.0.1:1" }\nadmin: { listen: "127.0.0.1:1" }\n',
  )
  const { settings } = await loadConfig(
    sources(
      { '--config': file, '--admin-listen': '127.0.0.1:3' },
      { SHOAL_REGISTRY_LISTEN: '127.0.0.1:2', SHOAL_ADMIN_LISTEN: '127.0.0.1:2' },
    ),
  )
  t.deepEqual(
    [settings.dataDir, settings.registry.listen, settings.admin.listen],
    ['/from/file', '127.0.0.1:2', '127.0.0.1:3'],
  )
})

test('a list in a stronger place replaces the weaker one', async (t) => {
  const file = await withYaml(t, `swarm: { bootstrap: ["${peer}", "${peer}"] }`)
  const { settings } = await loadConfig(
    sources({ '--config': file }, { SHOAL_BOOTSTRAP: '/dns4/seed/tcp/5006' }),
  )
  t.deepEqual(settings.swarm.bootstrap, ['/dns4/seed/tcp/5006'])
})

test('a list in the environment is separated by commas or spaces', async (t) => {
  const { settings } = await loadConfig(sources({}, { SHOAL_BOOTSTRAP: `${peer}, /dns4/seed/tcp/5006` }))
  t.deepEqual(settings.swarm.bootstrap, [peer, '/dns4/seed/tcp/5006'])
})

test('an empty variable counts as not set', async (t) => {
  const { settings } = await loadConfig(sources({}, { SHOAL_REGISTRY_LISTEN: '', SHOAL_BOOTSTRAP: ' ' }))
  t.deepEqual([settings.registry.listen, settings.swarm.bootstrap], ['127.0.0.1:5005', []])
})

test('an empty section of the file counts as not there', async (t) => {
  const file = await withYaml(t, 'registry:\nswarm:\n  listen:\n')
  const { settings } = await loadConfig(sources({ '--config': file }))
  t.is(settings.registry.listen, '127.0.0.1:5005')
})

test('an empty file leaves the defaults', async (t) => {
  const { settings } = await loadConfig(sources({ '--config': await withYaml(t, '# nothing yet\n') }))
  t.is(settings.registry.listen, '127.0.0.1:5005')
})

test('SHOAL_CONFIG names the file where no flag does', async (t) => {
  const file = await withYaml(t, 'log: { level: debug }')
  const { settings } = await loadConfig(sources({}, { SHOAL_CONFIG: file }))
  t.is(settings.log.level, 'debug')
})

test('a switch is on as a flag, as true or 1 in the environment, as true in the file', async (t) => {
  const file = await withYaml(t, 'upstreams: { only: true }')
  const all = await Promise.all([
    loadConfig(sources({ '--upstreams-only': true })),
    loadConfig(sources({}, { SHOAL_UPSTREAMS_ONLY: 'true' })),
    loadConfig(sources({}, { SHOAL_UPSTREAMS_ONLY: '1' })),
    loadConfig(sources({ '--config': file })),
  ])
  t.deepEqual(
    all.map(({ settings }) => settings.upstreams.only),
    [true, true, true, true],
  )
})

test('upstreams are named by flag as registry=url', async (t) => {
  const { upstreams } = await loadConfig(
    sources({
      '--upstream': ['registry.corp:5000=http://10.0.0.5:5000', 'index.docker.io=https://hub.corp/v2/a'],
    }),
  )
  t.deepEqual(upstreams, [
    { registry: 'registry.corp:5000', url: 'http://10.0.0.5:5000' },
    { registry: 'docker.io', url: 'https://hub.corp/v2/a' },
  ])
})

test("an upstream's password comes from its file", async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { password: 'hunter2\n' })
  const file = await withYaml(
    t,
    `upstreams: { registries: { r.corp: { url: "https://r.corp", username: joe, passwordFile: ${directory}/password } } }`,
  )
  const { upstreams } = await loadConfig(sources({ '--config': file }))
  t.deepEqual(upstreams, [
    { registry: 'r.corp', url: 'https://r.corp', username: 'joe', password: 'hunter2' },
  ])
})

test('an upstream has its certificates, limits and mirrors from the file', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), {
    ca: 'CA\n',
    cert: 'CERT',
    key: 'KEY',
    word: 'pw',
  })
  const file = await withYaml(
    t,
    `upstreams:
  registries:
    r.corp:
      url: https://r.corp
      caFile: ${directory}/ca
      certFile: ${directory}/cert
      keyFile: ${directory}/key
      tokenService: https://login.corp
      shared: true
      maxConnections: 4
      requestsPerSecond: 2.5
      mirrors:
        - { url: "http://10.0.0.7:5000", username: joe, passwordFile: ${directory}/word }`,
  )
  const { upstreams } = await loadConfig(sources({ '--config': file }))
  t.deepEqual(upstreams, [
    {
      ...{ registry: 'r.corp', url: 'https://r.corp', ca: 'CA\n', cert: 'CERT', key: 'KEY' },
      ...{ tokenService: 'https://login.corp', shared: true, maxConnections: 4, requestsPerSecond: 2.5 },
      mirrors: [{ url: 'http://10.0.0.7:5000', username: 'joe', password: 'pw' }],
    },
  ])
})

test('what is wrong in a mirror is named by its place', async (t) => {
  const file = await withYaml(
    t,
    'upstreams: { registries: { r.corp: { url: "http://r", mirrors: [{ url: "ftp://m", certFile: /nowhere }] } } }',
  )
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'upstreams.registries.r.corp.mirrors.0.url: got "ftp://m", expected an http:// or https:// URL without credentials, query or fragment',
    'upstreams.registries.r.corp.mirrors.0: got {"url":"ftp://m","certFile":"/nowhere"}, expected certFile and keyFile together, or neither',
  ])
})

test('the shim listens beyond loopback only when that is asked for', async (t) => {
  const flags = { '--registry-listen': '0.0.0.0:5005' }
  t.deepEqual(await problemsOf(t, loadConfig(sources(flags))), [
    '--registry-listen: got "0.0.0.0:5005", expected a loopback address, unless --registry-exposed is set',
  ])
  const { settings } = await loadConfig(sources({ ...flags, '--registry-exposed': true }))
  t.is(settings.registry.listen, '0.0.0.0:5005')
  for (const listen of ['127.0.0.1:0', '127.8.8.8:1', '[::1]:5005', 'localhost:5005']) {
    await t.notThrowsAsync(loadConfig(sources({ '--registry-listen': listen })))
  }
})

test("kubelet's providers take their configuration and their directory", async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--credentials-provider-config': '/c.yaml' }))), [
    '--credentials-provider-config and --credentials-provider-bin-dir: expected both, or neither',
  ])
})

test('the cluster secret comes from its file', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: '  s3cret\n' })
  const { clusterSecret } = await loadConfig(sources({ '--cluster-secret-file': `${directory}/secret` }))
  t.is(clusterSecret, 's3cret')
})

test('the time in which pulls come to their end is given in seconds', async (t) => {
  const { settings } = await loadConfig(sources({ '--registry-drain': '90s' }))
  t.is(settings.registry.drain, '90s')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--registry-drain': '1m' }))), [
    '--registry-drain: got "1m", expected whole seconds, such as 60s',
  ])
})

test('a bad flag is named with its value and what was expected', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--registry-listen': '5005' }))), [
    `--registry-listen: got "5005", expected ${hostPort}`,
  ])
})

test('a bad variable is named with its value and what was expected', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({}, { SHOAL_LOG_LEVEL: 'loud' }))), [
    'SHOAL_LOG_LEVEL: got "loud", expected one of trace, debug, info, warn, error, fatal',
  ])
})

test('a bad value of the file is named with its place', async (t) => {
  const file = await withYaml(t, 'registry: { listen: 5005 }')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    `registry.listen: got 5005, expected ${hostPort}`,
  ])
})

test('a value in place of a section is refused', async (t) => {
  const file = await withYaml(t, 'registry: 5')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'registry: got 5, expected a mapping',
  ])
})

test('an unknown key of the file is an error with a suggestion', async (t) => {
  const file = await withYaml(t, 'swarm: { bootstap: [] }')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'swarm.bootstap: unknown key; did you mean bootstrap?',
  ])
})

test('an unknown key that resembles none comes with what there is', async (t) => {
  const file = await withYaml(t, 'upstreams: { registries: { r.corp: { url: "http://r", tls: off } } }')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'upstreams.registries.r.corp.tls: unknown key, expected one of url, username, passwordFile, caFile, certFile, keyFile, maxConnections, requestsPerSecond, tokenService, shared, mirrors',
  ])
})

test('unknown flags and stray arguments are errors', async (t) => {
  const unknownArguments = ['--data-dr', '--colour=always', 'now']
  t.deepEqual(await problemsOf(t, loadConfig({ ...sources(), unknownArguments })), [
    '--data-dr: unknown flag; did you mean --data-dir?',
    '--colour: unknown flag; see --help',
    '"now": unexpected argument',
  ])
})

for (const address of [
  '10.0.0.7:5006',
  '/ip4/10.0.0.7',
  '/ip4/10.0.0.7/tcp/0',
  '/ip4/10.0.0/tcp/1',
  '/dns4//tcp/1',
  '/ip4/10.0.0.7/udp/1',
  'srv:',
  'srv:a b',
  'file:',
  'mdns:all',
]) {
  test(`${address} is no bootstrap address`, async (t) => {
    t.deepEqual(await problemsOf(t, loadConfig(sources({ '--bootstrap': [address] }))), [
      `--bootstrap: got "${address}", expected ${peerAddress}; srv:<DNS name>, file:<path> or mdns`,
    ])
  })
}

for (const url of ['registry.corp', 'ftp://registry.corp', 'http://registry.corp?x', 'http://']) {
  test(`${url} is no upstream's URL`, async (t) => {
    t.deepEqual(await problemsOf(t, loadConfig(sources({ '--upstream': [`r.corp=${url}`] }))), [
      `--upstream: got "${url}", expected an http:// or https:// URL without credentials, query or fragment`,
    ])
  })
}

test('credentials in a URL are refused and not repeated', async (t) => {
  const [line = ''] = await problemsOf(
    t,
    loadConfig(sources({ '--upstream': ['r.corp=http://joe:hunter2@r.corp'] })),
  )
  t.regex(line, /^--upstream: got "http:\/\/\*\*\*@r\.corp", expected .* without credentials/)
})

test('an upstream without a URL is refused', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--upstream': ['r.corp'] }))), [
    '--upstream: got "r.corp", expected <registry>=<url>, such as registry.example.com=http://10.0.0.5:5000',
  ])
})

test('an upstream with two URLs is refused', async (t) => {
  t.deepEqual(
    await problemsOf(t, loadConfig(sources({ '--upstream': ['r.corp=http://a', 'r.corp=http://b'] }))),
    ['--upstream: got two URLs for r.corp, expected one'],
  )
})

test('an upstream named in two spellings is refused', async (t) => {
  t.deepEqual(
    await problemsOf(
      t,
      loadConfig(sources({ '--upstream': ['docker.io=http://a', 'index.docker.io=http://b'] })),
    ),
    ['--upstream: docker.io is named twice, expected one URL for it'],
  )
})

test('a malformed registry name is refused', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({}, { SHOAL_UPSTREAM: 'r_corp!=http://a' }))), [
    'SHOAL_UPSTREAM: got "r_corp!", expected a registry as host or host:port',
  ])
})

test('a user name without a password file is refused', async (t) => {
  const file = await withYaml(t, 'upstreams: { registries: { r.corp: { url: "http://r", username: joe } } }')
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'upstreams.registries.r.corp: got {"url":"http://r","username":"joe"}, expected username and passwordFile together, or neither',
  ])
})

test('a switch in the environment that is neither on nor off is refused', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({}, { SHOAL_UPSTREAMS_ONLY: 'maybe' }))), [
    'SHOAL_UPSTREAMS_ONLY: got "maybe", expected true or false',
  ])
})

test('all problems of all places are told at once', async (t) => {
  const file = await withYaml(t, 'registry: { listen: x }\nfoo: 1\n')
  const wrong = sources({ '--config': file, '--admin-listen': 'x' }, { SHOAL_LOG_LEVEL: 'x' })
  t.is((await problemsOf(t, loadConfig(wrong))).length, 4)
})

test('a value longer than a line is cut', async (t) => {
  const [line = ''] = await problemsOf(t, loadConfig(sources({ '--registry-listen': 'x'.repeat(5_000) })))
  t.true(line.length < 300 && line.includes('…'))
})

test('a value with line ends stays on one line', async (t) => {
  const [line = ''] = await problemsOf(t, loadConfig(sources({ '--registry-listen': 'a\nb' })))
  t.false(line.includes('\n'))
})

for (const [what, yaml, expected] of [
  ['text that is not YAML', 'a: [1', /^malformed YAML: /],
  ['a tab for indentation', 'a:\n\tb: 1', /^malformed YAML: /],
  ['a key given twice', 'dataDir: /a\ndataDir: /b\n', /^malformed YAML: Map keys must be unique/],
  ['a list', '- 1\n- 2\n', /^got \[1,2\], expected a mapping of settings$/],
  ['a word', 'hello', /^got "hello", expected a mapping of settings$/],
  ['an alias to nothing', 'dataDir: *nowhere', /^malformed YAML: /],
  [
    'aliases that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((key, at) => `${key}: &${key} [${`*${'abcdefgh'[at]},`.repeat(8)}*${'abcdefgh'[at]}]`).join('\n')}`,
    /^malformed YAML: Excessive alias count/,
  ],
  ['bytes that are no text', '\u0000\u0001\u0002', /^(malformed YAML|got)/],
] as const) {
  test(`a file with ${what} is refused in one line`, async (t) => {
    const problems = await problemsOf(t, loadConfig(sources({ '--config': await withYaml(t, yaml) })))
    t.is(problems.length, 1)
    t.regex(problems[0] ?? '', expected)
  })
}

test('a file larger than any configuration is refused unread', async (t) => {
  const file = await withYaml(t, `# ${'x'.repeat(1024 * 1024)}`)
  const [line = ''] = await problemsOf(t, loadConfig(sources({ '--config': file })))
  t.regex(line, /has 1048578 bytes, expected at most 1048576$/)
})

test('a file that is not there is named', async (t) => {
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': '/nowhere/x.yaml' }))), [
    '--config: can\'t read "/nowhere/x.yaml": no such file or directory',
  ])
})

test('a directory in place of a secret file is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  t.deepEqual(await problemsOf(t, loadConfig(sources({}, { SHOAL_CLUSTER_SECRET_FILE: directory }))), [
    `SHOAL_CLUSTER_SECRET_FILE: "${directory}" is not a file`,
  ])
})

test('an empty secret file is refused', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { secret: '\n' })
  await chmod(join(directory, 'secret'), 0o600)
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--cluster-secret-file': `${directory}/secret` }))), [
    `--cluster-secret-file: "${directory}/secret" is empty, expected a secret`,
  ])
})

test('a password file that is missing is named with its place', async (t) => {
  const file = await withYaml(
    t,
    'upstreams: { registries: { r.corp: { url: "http://r", username: joe, passwordFile: /nowhere } } }',
  )
  t.deepEqual(await problemsOf(t, loadConfig(sources({ '--config': file }))), [
    'upstreams.registries.r.corp.passwordFile: can\'t read "/nowhere": no such file or directory',
  ])
})

test('a variable that looks mistyped is warned of', async (t) => {
  const { warnings } = await loadConfig(sources({}, { SHOAL_DATADIR: '/x' }))
  t.deepEqual(warnings, ['SHOAL_DATADIR is not a setting of Shoal and was ignored'])
})

test('variables that Kubernetes makes for a Service named shoal are no matter', async (t) => {
  const environment = {
    SHOAL_SERVICE_HOST: '10.0.0.1',
    SHOAL_PORT: 'tcp://10.0.0.1:5005',
    SHOAL_PORT_5005_TCP_ADDR: '10.0.0.1',
  }
  t.deepEqual((await loadConfig(sources({}, environment))).warnings, [])
})

test('a setting is called what the person called it', async (t) => {
  const file = await withYaml(t, 'dataDir: /x')
  const { nameOf } = await loadConfig(
    sources({ '--config': file, '--registry-listen': '127.0.0.1:1' }, { SHOAL_ADMIN_LISTEN: '127.0.0.1:1' }),
  )
  t.deepEqual(['registry.listen', 'admin.listen', 'dataDir', 'swarm.listen'].map(nameOf), [
    '--registry-listen',
    'SHOAL_ADMIN_LISTEN',
    `${file}: dataDir`,
    '--swarm-listen',
  ])
})
