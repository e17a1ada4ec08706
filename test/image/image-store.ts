import { cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { debianImage } from '../clients/image.ts'
import { environment, run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import { installBuilders } from './install.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const nodeBinary = join(repository, `node_modules/node-linux-${process.arch}/bin/node`)
/** Two minutes on a busy machine: it installs and compiles the whole of it. */
const buildTimeoutMs = 800_000
const builder = 'localhost/shoal-builder'

/** The one place of the time in images of this suite: any will do, as long as it is always the same. */
const epoch = '1700000000'

export interface BuiltImage {
  /** `sha256:…` of the manifest, which names every layer by its digest. */
  readonly manifestDigest: string
  /** What a node fetches, in bytes. */
  readonly compressedBytes: number
}

/** Images built by buildah in a store of their own. */
export class ImageStore implements AsyncDisposable {
  readonly #workspace: Workspace
  readonly #flags: readonly string[]

  private constructor(workspace: Workspace) {
    this.#workspace = workspace
    const directory = (name: string) => join(workspace.path, name)
    this.#flags = ['--root', directory('store'), '--runroot', directory('run'), '--storage-driver', 'overlay']
  }

  /** With a builder made here: Debian by debootstrap, Node.js and npm from the npm registry. */
  static async create(): Promise<ImageStore> {
    await installBuilders()
    const { layout, tag } = await debianImage()
    const store = new ImageStore(await Workspace.create('image'))
    try {
      await store.#makeBuilder(`oci:${layout}:${tag}`)
      return store
    } catch (error) {
      await store[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Builds the repository's Dockerfile. */
  async build(name: string, architecture: 'amd64' | 'arm64'): Promise<BuiltImage> {
    const native = process.arch === 'arm64' ? 'arm64' : 'amd64'
    await this.#buildah([
      ...['bud', '--pull-never', '--no-cache', '--isolation', 'chroot', '--network', 'host'],
      ...['--timestamp', epoch, '--platform', `linux/${architecture}`],
      ...['--build-arg', `BUILDPLATFORM=linux/${native}`, '--build-arg', `BUILDER=${builder}`],
      ...['--tag', name, repository],
    ])
    const layout = join(this.#workspace.path, `layout-${name.replaceAll(/\W/g, '-')}`)
    await this.#buildah(['push', '--quiet', name, `oci:${layout}:v1`])
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
    const [{ digest }] = index.manifests
    const manifest = await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8')
    const layers: readonly { readonly size: number }[] = JSON.parse(manifest).layers
    return { manifestDigest: digest, compressedBytes: layers.reduce((sum, { size }) => sum + size, 0) }
  }

  /** Mounts what is in an image; it stays until the store goes. */
  async mount(name: string): Promise<string> {
    const container = await this.#buildah(['from', '--pull-never', name])
    return await this.#buildah(['mount', container])
  }

  /** The configuration that is kept with the image. */
  async inspect(name: string): Promise<{ readonly [key: string]: unknown }> {
    return JSON.parse(await this.#buildah(['inspect', '--type', 'image', name])).OCIv1.config
  }

  directory(name: string): Promise<string> {
    return this.#workspace.directory(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workspace[Symbol.asyncDispose]()
  }

  async #makeBuilder(base: string): Promise<void> {
    const container = await this.#buildah(['from', base])
    const root = await this.#buildah(['mount', container])
    const prefix = join(root, 'usr/local')
    await cp(await realpath(nodeBinary), join(prefix, 'bin/node'))
    await execa('npm', ['install', '--silent', '--global', '--prefix', prefix, 'npm@11'], { stdin: 'ignore' })
    await trustAsHere(root)
    await this.#buildah(['umount', container])
    await this.#buildah(['commit', '--quiet', container, builder])
  }

  #buildah(args: readonly string[]): Promise<string> {
    return run('buildah', [...this.#flags, ...args], { timeoutMs: buildTimeoutMs }).then((text) =>
      text.trim(),
    )
  }
}

/** Where this machine reaches the npm registry through a proxy of its own, its certificate must be known inside too. */
async function trustAsHere(root: string): Promise<void> {
  const { stdout } = await execa('npm', ['config', 'get', 'cafile'], {
    env: environment({ HOME: process.env.HOME ?? '/' }),
  })
  // npm's own configuration is that of its prefix, which is another when `node` is another.
  const certificates = stdout === 'null' || stdout === '' ? process.env.NODE_EXTRA_CA_CERTS : stdout
  if (certificates === undefined || certificates === '') return
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true })
  await cp(await realpath(certificates), join(root, 'etc/ssl/certs/ca-certificates.crt'))
  await writeFile(join(root, 'root/.npmrc'), 'cafile=/etc/ssl/certs/ca-certificates.crt\n')
}
