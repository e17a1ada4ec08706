import { RuntimesError } from './errors.ts'
import { insertBlock } from './marked-block.ts'
import { parseToml, quote, valueAt } from './toml-document.ts'

/** containerd's configuration, as far as it decides whether hosts.toml is read. */
export interface ContainerdConfig {
  /** Of the format: 1, 2 or 3. */
  readonly format: number
  /** `registry.config_path`; undefined when the file does not set it. */
  readonly configPath: string | undefined
  /** `registry.mirrors` or `registry.configs`: with these and `config_path`, containerd starts without the CRI. */
  readonly legacy: 'mirrors' | 'configs' | undefined
  readonly criDisabled: boolean
  readonly imports: readonly string[]
}

/** The plugin that reads hosts.toml, by the format of the configuration. */
const plugins: Readonly<Record<number, string>> = {
  1: 'cri',
  2: 'io.containerd.grpc.v1.cri',
  3: 'io.containerd.cri.v1.images',
}

/** @throws RuntimesError for what containerd would refuse as well */
export function parseContainerdConfig(text: string, path: string): ContainerdConfig {
  const { value } = parseToml(text, path)
  const registries = Object.values(plugins).map((plugin) => valueAt(value, 'plugins', plugin, 'registry'))
  const paths = registries.map((registry) => valueAt(registry, 'config_path'))
  const disabled = valueAt(value, 'disabled_plugins')
  const imports = valueAt(value, 'imports')
  const has = (name: string) =>
    registries.some(
      (registry) => Object.keys((valueAt(registry, name) as object | undefined) ?? {}).length > 0,
    )
  return {
    format: Number(valueAt(value, 'version') ?? 1),
    configPath: paths.find((at) => typeof at === 'string') as string | undefined,
    legacy: has('mirrors') ? 'mirrors' : hasTls(registries) ? 'configs' : undefined,
    criDisabled:
      Array.isArray(disabled) && disabled.some((name) => Object.values(plugins).includes(String(name))),
    imports: Array.isArray(imports) ? imports.map(String) : [],
  }
}

/** `configs` may hold credentials next to `config_path`, but no TLS settings. */
function hasTls(registries: readonly unknown[]): boolean {
  const configs = registries.map((registry) => valueAt(registry, 'configs') ?? {})
  return configs.some((hosts) =>
    Object.values(hosts as object).some((host) => valueAt(host, 'tls') !== undefined),
  )
}

/** The text with `config_path` set; a value that is there gives way, and comes back with the uninstall. */
export function setConfigPath(text: string, directory: string, path: string): string {
  const { format, configPath } = parseContainerdConfig(text, path)
  const plugin = plugins[text.trim() === '' ? 2 : format]
  if (plugin === undefined) throw new RuntimesError('unreadable-file', `${path}: unknown version ${format}`)
  const document = parseToml(text, path)
  const wanted = ['plugins', plugin, 'registry']
  const table = document.tables.find(({ key }) => key.join('\0') === wanted.join('\0'))
  const line = `config_path = ${quote(directory)}`
  const result = ((): string => {
    if (table === undefined) {
      const version = text.trim() === '' ? 'version = 2\n' : ''
      const header = `[plugins.${plugin === 'cri' ? plugin : quote(plugin)}.registry]`
      return insertBlock(text, text.length, { text: `${version}${header}\n  ${line}` })
    }
    const old = table.lines.find(({ name }) => name === 'config_path')
    if (old === undefined) return insertBlock(text, table.bodyStart, { text: `  ${line}` })
    const replaces = text.slice(old.start, old.end).replace(/\n$/, '')
    return insertBlock(text, old.start, { text: `  ${line}`, replaces })
  })()
  if (parseContainerdConfig(result, path).configPath === directory) return result
  const current = configPath === undefined ? 'unset' : quote(configPath)
  throw new RuntimesError(
    'unreadable-file',
    `${path}: config_path is ${current}; set it to ${quote(directory)} by hand`,
  )
}
