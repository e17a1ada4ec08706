import { mkdir } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { ExecutionContext } from 'ava'
import { PullImageRequest, StatusResponse, VersionResponse } from '../dist/wire/cri.js'

/**
 * The answers of daemons in states that real ones are hard to bring into, at their sockets below a root. What real
 * ones say is tested by `npm run test:install`.
 */
export interface ContainerdInit {
  readonly version: string
  /** As 1.x tells it; undefined to tell nothing, as 2.x. */
  readonly configPath?: string
  /** Its socket is there and nobody answers. */
  readonly isDead?: boolean
  /** @default /run/containerd/containerd.sock */
  readonly socket?: string
  /** Told of each pull. */
  readonly onPull?: (image: string) => void
}

export async function startContainerd(
  t: ExecutionContext,
  root: string,
  init: ContainerdInit,
): Promise<void> {
  const socket = await place(root, init.socket ?? '/run/containerd/containerd.sock')
  if (init.isDead) return await listenDeaf(t, socket)
  const server = new Server()
  const bytes = { requestStream: false, responseStream: false } as const
  const raw = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
  const method = (path: string) => ({ path: `/runtime.v1.${path}`, ...bytes, ...raw })
  const config = JSON.stringify({ registry: { configPath: init.configPath } })
  const info = new Map(init.configPath === undefined ? [] : [['config', config]])
  server.addService(
    { version: method('RuntimeService/Version'), status: method('RuntimeService/Status') },
    {
      version: answer(() =>
        VersionResponse.encode({ runtimeName: 'containerd', runtimeVersion: init.version }),
      ),
      status: answer(() => StatusResponse.encode({ info })),
    },
  )
  server.addService(
    { pull: method('ImageService/PullImage') },
    {
      pull: (call: { request: Buffer }, done: (error: object) => void) => {
        init.onPull?.(PullImageRequest.decode(call.request).image?.image ?? '')
        done({ code: status.NOT_FOUND, details: 'no such image' })
      },
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    )
  })
  t.teardown(() => server.forceShutdown())
}

export interface DockerInit {
  readonly mirrors?: readonly string[]
  readonly store?: 'containerd' | 'graphdriver'
  readonly version?: string
}

export async function startDocker(t: ExecutionContext, root: string, init: DockerInit): Promise<void> {
  const { mirrors = [], store = 'graphdriver', version = '28.5.2' } = init
  const socket = await place(root, '/run/docker.sock')
  const driver = store === 'containerd' ? 'io.containerd.snapshotter.v1' : 'xfs'
  const info = {
    ServerVersion: version,
    DriverStatus: [['driver-type', driver]],
    RegistryConfig: { Mirrors: mirrors },
  }
  const server = createHttpServer((_, response) => response.end(JSON.stringify(info)))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  t.teardown(() => server.close())
}

async function place(root: string, path: string): Promise<string> {
  const socket = join(root, path)
  await mkdir(dirname(socket), { recursive: true })
  return socket
}

/** Takes connections and ends them. */
async function listenDeaf(t: ExecutionContext, socket: string): Promise<void> {
  const server = createServer((connection) => connection.destroy())
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  t.teardown(() => server.close())
}

function same(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

function answer(encode: () => Uint8Array) {
  return (_: unknown, done: (error: null, bytes: Uint8Array) => void) => done(null, encode())
}
