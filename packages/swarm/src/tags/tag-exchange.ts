import { hash } from 'node:crypto'
import {
  type AbortOptions,
  digestFromHash,
  digestToCid,
  InvalidInputError,
  type MetadataStore,
  parseDigest,
  parseRegistryHost,
  parseRepositoryName,
  parseTag,
  type Repository,
  type TagHints,
  type TagRecord,
} from '@shoal/content'
import type { CID } from 'multiformats/cid'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { TagAnswer, TagQuestion } from '../wire/tags.ts'

const tagProtocol = '/shoal/tags/1.0.0'
const maxMessageBytes = 4 * 1024
const peersAsked = 8
const connectedPeersAsked = 32
const announceAfterMs = 5_000
const findTimeoutMs = 1_000
/** For the search and the answers together. */
const askTimeoutMs = 2_000
const answerTimeoutMs = 5_000

/**
 * Tells peers what this node last knew of a tag, and asks them. Only asked while the origin does not answer, so a
 * peer can never redirect a tag that the origin can still resolve.
 */
export class TagExchange implements TagHints {
  readonly #host: SwarmHost
  readonly #metadata: MetadataStore
  readonly #onTrouble: (error: Error) => void

  constructor(components: { host: SwarmHost; metadata: MetadataStore; onTrouble: (error: Error) => void }) {
    this.#host = components.host
    this.#metadata = components.metadata
    this.#onTrouble = components.onTrouble
  }

  async start(): Promise<void> {
    await this.#host.handle(tagProtocol, (stream) => this.#answer(stream), { maxMessageBytes })
  }

  announce(repository: Repository, tag: string): void {
    // Later: the nodes that resolve a tag at the same time have better things to do now.
    setTimeout(() => this.#host.discovery.provide(tagCid(repository, tag)), announceAfterMs).unref()
  }

  async find(repository: Repository, tag: string, options?: AbortOptions): Promise<TagRecord | undefined> {
    const timeout = AbortSignal.timeout(askTimeoutMs)
    const signal = options?.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
    const question = { registry: repository.registry, name: repository.name, tag }
    // Whoever is connected may know it without having announced it yet.
    const connected = this.#host.connectedPeers().slice(0, connectedPeersAsked)
    const asked = new Map(connected.map((peer) => [peer, this.#ask(peer, question, signal)]))
    const knowing = { limit: peersAsked, timeoutMs: findTimeoutMs, signal: options?.signal }
    for await (const peer of this.#host.discovery.find(tagCid(repository, tag), knowing)) {
      if (!asked.has(peer)) asked.set(peer, this.#ask(peer, question, signal))
    }
    const answers = (await Promise.all(asked.values())).filter((answer) => answer !== undefined)
    return answers.sort((a, b) => b.resolvedAt - a.resolvedAt)[0]
  }

  async #ask(peer: string, question: TagQuestion, signal: AbortSignal): Promise<TagRecord | undefined> {
    let stream: MessageStream | undefined
    try {
      stream = await this.#host.open(peer, tagProtocol, { signal, maxMessageBytes })
      await stream.send(TagQuestion.encode(question), { signal })
      const message = await stream.read({ signal })
      await stream.close({ signal })
      return message === undefined ? undefined : readAnswer(message)
    } catch (error) {
      stream?.abort(error as Error)
      this.#onTrouble(error as Error)
      return undefined
    }
  }

  async #answer(stream: MessageStream): Promise<void> {
    const signal = AbortSignal.timeout(answerTimeoutMs)
    const message = await stream.read({ signal })
    if (message === undefined) return
    const question = TagQuestion.decode(message)
    const repository = {
      registry: parseRegistryHost(question.registry),
      name: parseRepositoryName(question.name),
    }
    const known = await this.#metadata.getTag(repository, parseReference(question.tag))
    // What is private here is not news for others.
    const record = known?.isPublic === true ? known : undefined
    const answer =
      record === undefined
        ? { digest: '', size: 0n, mediaType: '', resolvedAt: 0n }
        : {
            digest: record.descriptor.digest,
            size: BigInt(record.descriptor.size),
            mediaType: record.descriptor.mediaType,
            resolvedAt: BigInt(Math.floor(record.resolvedAt)),
          }
    await stream.send(TagAnswer.encode(answer), { signal })
    await stream.close({ signal })
  }
}

/** A tag, or the digest of a manifest. @throws InvalidInputError */
function parseReference(text: string): string {
  return text.includes(':') ? parseDigest(text) : parseTag(text)
}

function readAnswer(message: Uint8Array): TagRecord | undefined {
  const { digest, size, mediaType, resolvedAt } = TagAnswer.decode(message)
  if (digest === '') return undefined
  if (size > BigInt(Number.MAX_SAFE_INTEGER) || resolvedAt > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidInputError('PROTOCOL', 'malformed answer about a tag: a number is out of range')
  }
  return {
    descriptor: { digest: parseDigest(digest), size: Number(size), mediaType: mediaType.slice(0, 256) },
    // A clock that runs ahead must not make a record look fresh for longer.
    resolvedAt: Math.min(Number(resolvedAt), Date.now()),
    isPublic: true,
  }
}

/** The DHT key under which those who know a tag are found. */
function tagCid(repository: Repository, tag: string): CID {
  const key = `shoal tag ${repository.registry}/${repository.name}:${tag}`
  return digestToCid(digestFromHash('sha256', hash('sha256', key, 'buffer')))
}
