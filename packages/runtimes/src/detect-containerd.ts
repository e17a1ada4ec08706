import { posix } from 'node:path'
import { type ContainerdConfig, parseContainerdConfig } from './containerd-config.ts'
import { CriClient } from './cri-client.ts'
import { RuntimesError } from './errors.ts'
import type { HostFiles } from './host-files.ts'
import type { ContainerdFlavour, ContainerdState, HostsRoot } from './host-state.ts'
import { defaultHostsRoot } from './plan-containerd.ts'
import { flagValues, listProcesses } from './processes.ts'
import { parseToml, valueAt } from './toml-document.ts'

interface Place {
  readonly flavour: ContainerdFlavour
  readonly socket: string
  readonly configFile: string
}

const rancher = (name: string) => `/var/lib/rancher/${name}/agent/etc/containerd/config.toml`
const defaultSocket = '/run/containerd/containerd.sock'

/** Where distributions have it. Of two with one socket the first whose configuration is there counts. */
const places: readonly Place[] = [
  { flavour: 'containerd', socket: defaultSocket, configFile: '/etc/containerd/config.toml' },
  { flavour: 'rke2', socket: '/run/k3s/containerd/containerd.sock', configFile: rancher('rke2') },
  { flavour: 'k3s', socket: '/run/k3s/containerd/containerd.sock', configFile: rancher('k3s') },
  {
    flavour: 'microk8s',
    socket: '/var/snap/microk8s/common/run/containerd.sock',
    configFile: '/var/snap/microk8s/current/args/containerd.toml',
  },
  { flavour: 'k0s', socket: '/run/k0s/containerd.sock', configFile: '/etc/k0s/containerd.toml' },
]

/** containerd's own since 2.2, for a configuration that does not say. */
const defaultPath = `${defaultHostsRoot}:/etc/docker/certs.d`

/** The containerds that serve on this host. What can't be asked is reported through `unseen`. */
export async function detectContainerd(
  files: HostFiles,
  unseen: (what: string, error: unknown) => void,
): Promise<readonly ContainerdState[]> {
  const states: ContainerdState[] = []
  for (const place of await findPlaces(files)) {
    try {
      states.push(await inspect(place, files))
    } catch (error) {
      unseen(`${place.flavour} at ${place.socket}`, error)
    }
  }
  return states
}

async function findPlaces(files: HostFiles): Promise<readonly Place[]> {
  const found = new Map<string, Place>()
  const add = async (place: Place) => {
    const socket = await files.resolve(place.socket)
    if ((await files.snapshot(socket)).kind === 'other' && !found.has(socket))
      found.set(socket, { ...place, socket })
  }
  for (const process of await listProcesses(files.root, 'containerd')) {
    const [given = '/etc/containerd/config.toml'] = flagValues(process, '--config', '-c')
    const configFile = currentRevision(given)
    const [address = await configuredSocket(configFile, files)] = flagValues(process, '--address', '-a')
    const known = places.find(({ socket, configFile: file }) => socket === address && file === configFile)
    const flavour = known?.flavour ?? places.find(({ socket }) => socket === address)?.flavour ?? 'containerd'
    // The one that dockerd starts for itself serves dockerd alone.
    if (!address.includes('/docker/containerd/')) await add({ flavour, socket: address, configFile })
  }
  for (const place of places) if ((await files.readText(place.configFile)) !== undefined) await add(place)
  await add(places[0] as Place)
  return [...found.values()]
}

async function configuredSocket(path: string, files: HostFiles): Promise<string> {
  const text = await files.readText(path)
  const address = text === undefined ? undefined : valueAt(parseToml(text, path).value, 'grpc', 'address')
  return typeof address === 'string' && address !== '' ? address : defaultSocket
}

async function inspect(
  { flavour, socket, configFile: path }: Place,
  files: HostFiles,
): Promise<ContainerdState> {
  using cri = new CriClient(await files.locate(socket))
  const version = await cri.version()
  const text = await files.readText(path)
  const configured = await readConfig(path, text, files)
  const live = version === undefined ? undefined : livePath(await cri.info())
  const effective = currentRevision(live ?? effectivePath(configured, version?.runtimeVersion))
  const directories =
    effective === '' ? [defaultHostsRoot] : effective.split(':').filter((part) => part !== '')
  const isList = effective.includes(':')
  return {
    flavour,
    socket,
    version: version?.runtimeVersion,
    cri: version !== undefined,
    configFile: { path, text, writable: await files.isWritable(path) },
    configPath: effective,
    isLive: live !== undefined,
    configuredPath: configured.configPath,
    legacy: configured.legacy,
    roots: await Promise.all(directories.map((directory) => readHostsRoot(directory, files))),
    aliasTarget: isList ? await aliasOf(effective, files) : undefined,
    aliasWritable: isList && (await files.isWritable(effective)),
  }
}

/** The configuration with its imports; what a later file says counts. */
async function readConfig(path: string, text: string | undefined, files: HostFiles) {
  const own = parseContainerdConfig(text ?? '', path)
  let { configPath, legacy } = own
  for (const pattern of own.imports) {
    for (const imported of await matches(posix.resolve(posix.dirname(path), pattern), files)) {
      const config = parseContainerdConfig((await files.readText(imported)) ?? '', imported)
      configPath = config.configPath ?? configPath
      legacy = config.legacy ?? legacy
    }
  }
  return { configPath, legacy }
}

/** Files that an import names; a star stands for anything within the last component. */
async function matches(pattern: string, files: HostFiles): Promise<readonly string[]> {
  const directory = posix.dirname(pattern)
  return (await files.list(directory))
    .filter((name) => posix.matchesGlob(name, posix.basename(pattern)))
    .map((name) => posix.join(directory, name))
}

/** containerd 1.x tells what it runs with. */
function livePath(info: ReadonlyMap<string, string>): string | undefined {
  const config = info.get('config')
  if (config === undefined) return undefined
  try {
    const path = valueAt(JSON.parse(config), 'registry', 'configPath')
    return typeof path === 'string' ? path : undefined
  } catch (cause) {
    throw new RuntimesError('host', 'the CRI told its configuration in a form that is not JSON', { cause })
  }
}

/** `containerd config default` writes an empty path: it counts as none, and next to `mirrors` there is no default. */
function effectivePath(
  { configPath = '', legacy }: Pick<ContainerdConfig, 'configPath' | 'legacy'>,
  version: string | undefined,
): string {
  return configPath !== '' || legacy === 'mirrors' ? configPath : defaultFor(version)
}

function defaultFor(version = ''): string {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 2) ? defaultPath : ''
}

/**
 * microk8s writes the revision of its snap into paths. That goes with the next refresh, which copies what is in it; a
 * container may have nothing but the current one mounted.
 */
function currentRevision(path: string): string {
  return path
    .split(':')
    .map((part) => part.replace(/^(\/var\/snap\/microk8s\/)(?:x?\d+)(?=\/)/, '$1current'))
    .join(':')
}

async function aliasOf(list: string, files: HostFiles): Promise<string | undefined> {
  const alias = await files.snapshot(posix.normalize(list))
  if (alias.kind === 'absent') return undefined
  return await files.resolve(list)
}

/** Reads a directory of hosts.toml files; one that is missing counts as empty. */
export async function readHostsRoot(path: string, files: HostFiles): Promise<HostsRoot> {
  const registries = []
  for (const name of await files.list(path)) {
    const directory = posix.join(path, name)
    if ((await files.snapshot(await files.resolve(directory))).kind !== 'directory') continue
    registries.push({ name, text: await files.readText(posix.join(directory, 'hosts.toml')) })
  }
  return { path, writable: await files.isWritable(posix.join(path, '_default')), registries }
}
