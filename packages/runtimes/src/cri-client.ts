import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  PullImageRequest,
  PullImageResponse,
  RemoveImageRequest,
  RemoveImageResponse,
  StatusRequest,
  StatusResponse,
  VersionRequest,
  VersionResponse,
} from './wire/cri.ts'

const callTimeoutMs = 10_000
/** A canary is a few kilobytes; a registry that does not answer keeps containerd dialling for 30 s. */
const pullTimeoutMs = 90_000

interface Codec<T> {
  encode(message: Partial<T>): Uint8Array
  decode(bytes: Uint8Array): T
}

/** The Container Runtime Interface at a Unix socket. */
export class CriClient implements Disposable {
  readonly #client: Client

  constructor(socket: string) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure())
  }

  /** Undefined when something else than the CRI answers. */
  async version(): Promise<VersionResponse | undefined> {
    try {
      return await this.#call('RuntimeService/Version', [VersionRequest, VersionResponse], {})
    } catch (error) {
      if (codeOf(error) === status.UNIMPLEMENTED) return undefined
      throw error
    }
  }

  /** What the daemon tells of itself, JSON by name. */
  async info(): Promise<ReadonlyMap<string, string>> {
    const codecs = [StatusRequest, StatusResponse] as const
    return (await this.#call('RuntimeService/Status', codecs, { verbose: true })).info
  }

  async pull(image: string): Promise<void> {
    const codecs = [PullImageRequest, PullImageResponse] as const
    await this.#call('ImageService/PullImage', codecs, { image: { image } }, pullTimeoutMs)
  }

  async remove(image: string): Promise<void> {
    await this.#call('ImageService/RemoveImage', [RemoveImageRequest, RemoveImageResponse], {
      image: { image },
    })
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }

  #call<Request, Response>(
    method: string,
    [request, response]: readonly [Codec<Request>, Codec<Response>],
    message: Request,
    timeoutMs = callTimeoutMs,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/runtime.v1.${method}`,
        (value: Request) => Buffer.from(request.encode(value)),
        (bytes: Buffer) => response.decode(bytes),
        message,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, value) => (error === null && value !== undefined ? resolve(value) : reject(error)),
      )
    })
  }
}

function codeOf(error: unknown): status | undefined {
  return error instanceof Error && 'code' in error ? (error as ServiceError).code : undefined
}
