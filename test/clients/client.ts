import { type Machine, thisMachine } from '../harness/machine.ts'
import type { DebianImage } from './image.ts'

/** Where a client runs. It sees the directories that it is given in the same place as this process. */
export interface ClientHost {
  readonly machine: Machine
  /** Where something that the client mounted is for this process. */
  path(path: string): string
}

export const thisHost: ClientHost = { machine: thisMachine, path: (path) => path }

/** What a client is to pull, and through which node. */
export interface PullRequest {
  /** `127.0.0.1:<port>`, where the node's shim listens. */
  readonly shim: string
  /** Where docker.io is, for a client that is told; asked when the shim does not answer. */
  readonly server?: string | undefined
  /** On docker.io, with its namespace. */
  readonly repository: string
  readonly tag: string
  /** Empty; all of the client's state goes here, so that no image is there before the pull. */
  readonly directory: string
  /** @default this machine */
  readonly host?: ClientHost
}

/** What the client has after the pull. */
export interface PulledImage extends AsyncDisposable {
  /** The digest by which the client knows the image. */
  readonly digest: string
  /** The image's root file system, as the client assembled it from the layers. */
  readonly root: string
}

/** A program that pulls images. */
export interface Client {
  readonly name: string
  /** The program whose `--version` tells how old it is. */
  readonly program: string
  pull(request: PullRequest): Promise<PulledImage>
  /** The digest by which the client should know the image: of the index, or of the manifest that it chose. */
  digestOf(image: DebianImage): string
}
