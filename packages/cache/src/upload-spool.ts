import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import type { Descriptor, Upload, UploadStore } from '@shoal/content'
import { BlobFile } from './blob-file.ts'
import type { DataDirectory } from './data-directory.ts'
import { storeError } from './store-errors.ts'

/** Room is made for as much again as an upload has, but for no more than this at a time. */
const maxStepBytes = 16 * 1024 * 1024

/** What uploads need of the blob store. */
export interface UploadRoom {
  /** @throws StoreError when there is none, even without all that could give way */
  reserve(bytes: number): Promise<void>
  release(bytes: number): void
  /** @throws DigestMismatchError, StoreError */
  takeIn(descriptor: Descriptor, path: string): Promise<void>
}

/** Uploads as files beside the blobs, so that a finished one becomes a blob by a change of its name. */
export class UploadSpool implements UploadStore {
  readonly #directory: DataDirectory
  readonly #room: UploadRoom

  constructor(directory: DataDirectory, room: UploadRoom) {
    this.#directory = directory
    this.#room = room
  }

  async begin(): Promise<Upload> {
    const path = this.#directory.upload(randomUUID())
    try {
      const handle = await this.#directory.files.open(path, constants.O_RDWR | constants.O_CREAT)
      const file = new BlobFile(handle, 'an upload')
      return new SpooledUpload({ file, path, directory: this.#directory, room: this.#room })
    } catch (cause) {
      throw storeError('creating the file of an upload', cause, 'not-writable')
    }
  }
}

interface SpooledUploadInit {
  readonly file: BlobFile
  readonly path: string
  readonly directory: DataDirectory
  readonly room: UploadRoom
}

class SpooledUpload implements Upload {
  readonly #init: SpooledUploadInit
  #size = 0
  #reserved = 0
  #ended = false

  constructor(init: SpooledUploadInit) {
    this.#init = init
  }

  get size(): number {
    return this.#size
  }

  async append(bytes: Uint8Array): Promise<void> {
    const { file, room } = this.#init
    file.assertOpen()
    if (this.#size + bytes.length > this.#reserved) {
      const step = Math.max(bytes.length, Math.min(maxStepBytes, this.#size))
      await room.reserve(step)
      this.#reserved += step
      if (this.#ended) return room.release(this.#takeReserved())
    }
    await file.writeAt(bytes, this.#size)
    this.#size += bytes.length
  }

  async commit(descriptor: Descriptor): Promise<void> {
    const { file, path, room } = this.#init
    try {
      await file.close()
      await room.takeIn(descriptor, path)
    } finally {
      await this.#end()
    }
  }

  async discard(): Promise<void> {
    await this.#init.file.close()
    await this.#end()
  }

  async #end(): Promise<void> {
    this.#ended = true
    const { path, directory, room } = this.#init
    room.release(this.#takeReserved())
    await directory.files.remove(path)
  }

  #takeReserved(): number {
    const reserved = this.#reserved
    this.#reserved = 0
    return reserved
  }
}
