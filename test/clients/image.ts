import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../harness/run.ts'
import { removeTree } from '../harness/workspace.ts'

export interface BlobDescriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

/** A minimal Debian as an image of one platform, and a list of what is in it. */
export interface DebianImage {
  /** An OCI image layout that has the image under {@link DebianImage.tag}. */
  readonly layout: string
  readonly tag: string
  readonly manifest: BlobDescriptor
  readonly config: BlobDescriptor
  readonly layers: readonly BlobDescriptor[]
  /** Names and SHA-256 of every regular file of the root file system, in the form of `sha256sum`. */
  readonly checksums: string
  /** As the registry's index names it, e.g. `amd64`. */
  readonly architecture: string
}

const suite = 'bookworm'
const tag = 'v1'
/** Bump it when what follows builds another image, so that nobody tests against an old one. */
const recipe = 1
/** debootstrap takes 25 s here; the mirror decides. */
const debootstrapTimeoutMs = 480_000

/** Each becomes a layer of its own on top of the rest, so that the image has several of some size. */
const upperLayers = ['usr/lib', 'usr/share']

/**
 * The image, built by debootstrap the first time and kept in the machine's cache directory
 * (`$XDG_CACHE_HOME/shoal-test`, or `/var/cache/shoal-test`).
 */
export async function debianImage(): Promise<DebianImage> {
  const cache = join(process.env.XDG_CACHE_HOME ?? '/var/cache', 'shoal-test')
  const home = join(cache, `debian-${suite}-${process.arch}-${recipe}`)
  if (!(await exists(home))) {
    await mkdir(cache, { recursive: true })
    const work = await mkdtemp(join(cache, 'building-'))
    try {
      await build(work)
      await rename(join(work, 'result'), home)
    } finally {
      // debootstrap leaves /proc mounted when it fails midway.
      await removeTree(work)
    }
  }
  return await describe(home)
}

async function build(work: string): Promise<void> {
  const root = join(work, 'root')
  await run('debootstrap', ['--variant=minbase', suite, root], { timeoutMs: debootstrapTimeoutMs })
  // What apt downloaded is no part of an image.
  await run('chroot', [root, 'apt-get', 'clean'])
  const result = join(work, 'result')
  await mkdir(result)
  const checksums = await run('find', ['.', '-xdev', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], {
    cwd: root,
  })
  await writeFile(join(result, 'checksums'), `${checksums}\n`)
  const layout = join(result, 'layout')
  const image = `${layout}:${tag}`
  await run('umoci', ['init', '--layout', layout])
  await run('umoci', ['new', '--image', image])
  const parts = [
    [...upperLayers.map((path) => `--exclude=./${path}`), '.'],
    ...upperLayers.map((path) => [path]),
  ]
  const archive = join(work, 'layer.tar')
  for (const part of parts) {
    await run('tar', ['-C', root, '--numeric-owner', '--sort=name', '-cf', archive, ...part])
    await run('umoci', ['raw', 'add-layer', '--image', image, archive])
  }
  await run('umoci', ['config', '--image', image, '--config.cmd', '/bin/bash'])
  await run('umoci', ['gc', '--layout', layout])
}

async function describe(home: string): Promise<DebianImage> {
  const layout = join(home, 'layout')
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: BlobDescriptor[]
  }
  const [manifest] = index.manifests
  if (manifest === undefined)
    throw new Error(`${layout} holds no image; remove ${home} to have it built anew`)
  const { config, layers } = await readBlob<Pick<DebianImage, 'config' | 'layers'>>(layout, manifest)
  const { architecture } = await readBlob<{ architecture: string }>(layout, config)
  return { layout, tag, manifest, config, layers, checksums: join(home, 'checksums'), architecture }
}

async function readBlob<T>(layout: string, { digest }: BlobDescriptor): Promise<T> {
  return JSON.parse(await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8')) as T
}

/** An index in front of the image, as the big registries have it: what a client asks for by tag. */
export function indexOf({ manifest, architecture }: DebianImage): { body: string; digest: string } {
  const platform = { os: 'linux', architecture }
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size, platform }],
  })
  return { body, digest: `sha256:${createHash('sha256').update(body).digest('hex')}` }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}

/**
 * Compares every file below `root` with the image's list.
 *
 * @throws when a file is missing or differs, with its name
 */
export async function verifyFiles(root: string, { checksums }: DebianImage): Promise<void> {
  await run('sha256sum', ['--check', '--quiet', '--strict', checksums], { cwd: root })
}
