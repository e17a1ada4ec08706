/** What the planners look at. `detect` fills it in; nothing here is read later than that. */

/** A directory of `<registry>/hosts.toml`, such as /etc/containerd/certs.d. */
export interface HostsRoot {
  readonly path: string
  readonly writable: boolean
  readonly registries: readonly HostsDirectory[]
}

export interface HostsDirectory {
  /** `docker.io`, `registry.example_5000_`, `_default`. */
  readonly name: string
  /** Of its hosts.toml; undefined when it has none. */
  readonly text: string | undefined
}

export type ContainerdFlavour = 'containerd' | 'k3s' | 'rke2' | 'microk8s' | 'k0s'

export interface ContainerdState {
  readonly flavour: ContainerdFlavour
  readonly socket: string
  /** Undefined when the daemon did not say. */
  readonly version: string | undefined
  /** Whether it serves the CRI: without, nothing on this node pulls through its hosts.toml. */
  readonly cri: boolean
  readonly configFile: ConfigFile
  /** What the daemon says that it runs with (1.x), else what it would start with. Empty when unset. */
  readonly configPath: string
  /** Whether the daemon itself said so, or the file has to be believed. */
  readonly isLive: boolean
  /** Undefined when the file and its imports do not say. */
  readonly configuredPath: string | undefined
  readonly legacy: 'mirrors' | 'configs' | undefined
  /** The directories of {@link configPath}, or the one that an install would set. */
  readonly roots: readonly HostsRoot[]
  /** For a list: where the path of the whole list, taken for one directory, leads; undefined when nowhere. */
  readonly aliasTarget: string | undefined
  readonly aliasWritable: boolean
}

export interface ConfigFile {
  readonly path: string
  /** Undefined when there is none. */
  readonly text: string | undefined
  readonly writable: boolean
}

export interface DockerState {
  readonly socket: string
  readonly version: string
  readonly store: 'containerd' | 'graphdriver'
  /** `registry-mirrors` that the daemon runs with. */
  readonly mirrors: readonly string[]
  /** From its command line: with these, the key in the file keeps dockerd from starting. */
  readonly flagMirrors: readonly string[]
  readonly configFile: ConfigFile
  /** Undefined when the process can't be seen, as from a container with a PID namespace of its own. */
  readonly pid: number | undefined
  /** /etc/docker/certs.d */
  readonly hosts: HostsRoot
}

/** A set of configuration files of containers/image: the system's, or a user's own. */
export interface ContainersState {
  /** Undefined for the system's. */
  readonly user:
    | { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string }
    | undefined
  /** What reads it here: `podman`, `skopeo`, `buildah`, `cri-o`. */
  readonly programs: readonly string[]
  /** In the order in which they are read: a later table takes the place of one with the same prefix. */
  readonly files: readonly { readonly path: string; readonly text: string; readonly writable: boolean }[]
  /** Where a file of ours goes. */
  readonly dropIn: { readonly directory: string; readonly writable: boolean }
  /** Processes that read the files again on SIGHUP. */
  readonly reload: readonly { readonly pid: number; readonly program: string }[]
  /** CRI-O's socket, when it serves. */
  readonly criSocket: string | undefined
}

export interface HostState {
  readonly containerd: readonly ContainerdState[]
  readonly docker: DockerState | undefined
  readonly containers: readonly ContainersState[]
  /** What could not be looked at, and why: the install goes on without it. */
  readonly unseen: readonly { readonly what: string; readonly why: string }[]
}
