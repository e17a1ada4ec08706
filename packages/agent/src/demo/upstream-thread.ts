import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { readableFault } from '../readable-fault.ts'
import { DemoError } from './demo-error.ts'
import { openLayout } from './oci-layout.ts'
import { UpstreamRegistry } from './upstream-registry.ts'

/** An image of one name and tag, in an OCI layout. */
export interface UpstreamThreadInit {
  /** Of the layout. */
  readonly directory: string
  readonly name: string
  readonly tag: string
}

interface ThreadData extends UpstreamThreadInit {
  readonly counters: SharedArrayBuffer
}

/** Places in the counters that both threads see. */
const requests = 0
const bytes = 1

/**
 * The demo's origin registry, in a thread of its own. All the demo's clients live in the main thread, where a registry
 * would wait its turn behind the bytes of every one of them: it then looks as slow as an upstream that stalls.
 */
export class UpstreamThread {
  /** Its root, such as `http://127.0.0.1:40123`. */
  readonly url: string
  readonly #worker: Worker
  readonly #counters: BigInt64Array

  private constructor(init: { url: string; worker: Worker; counters: BigInt64Array }) {
    this.url = init.url
    this.#worker = init.worker
    this.#counters = init.counters
  }

  /** @throws DemoError when the directory is no layout, or the registry can't listen */
  static async start(init: UpstreamThreadInit): Promise<UpstreamThread> {
    const counters = new BigInt64Array(new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT))
    const workerData: ThreadData = { ...init, counters: counters.buffer }
    const worker = new Worker(new URL(import.meta.url), { workerData })
    try {
      const [url] = (await once(worker, 'message')) as [string]
      return new UpstreamThread({ url, worker, counters })
    } catch (cause) {
      // What a thread throws comes as a copy that has lost its class.
      throw new DemoError(readableFault(cause), { cause })
    }
  }

  /** Requests for content, HEAD included. */
  get requests(): number {
    return Number(Atomics.load(this.#counters, requests))
  }

  /** Bytes of bodies that left. Headers don't count. */
  get bytesSent(): number {
    return Number(Atomics.load(this.#counters, bytes))
  }

  /** Cuts what is being sent. Idempotent. */
  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

if (!isMainThread && parentPort !== null) {
  const { directory, name, tag, counters } = workerData as ThreadData
  const counts = new BigInt64Array(counters)
  const registry = await UpstreamRegistry.start({
    layout: await openLayout(directory),
    name,
    tag,
    onRequest: () => Atomics.add(counts, requests, 1n),
    onSent: (length) => Atomics.add(counts, bytes, BigInt(length)),
  })
  parentPort.postMessage(registry.url)
}
