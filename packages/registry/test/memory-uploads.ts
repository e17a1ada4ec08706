import type { Descriptor, Upload, UploadStore } from '@shoal/content'

/** Keeps uploads in memory. */
export class MemoryUploads implements UploadStore {
  readonly committed: { readonly descriptor: Descriptor; readonly bytes: Buffer }[] = []
  /** Begun and not ended. */
  open = 0
  /** Takes the place of a write. */
  onAppend: (() => Promise<void>) | undefined

  async begin(): Promise<Upload> {
    const pieces: Uint8Array[] = []
    this.open++
    const sizeOf = () => pieces.reduce((sum, { length }) => sum + length, 0)
    const end = async () => {
      this.open--
    }
    return {
      get size() {
        return sizeOf()
      },
      append: async (bytes) => {
        await this.onAppend?.()
        pieces.push(Buffer.from(bytes))
      },
      commit: async (descriptor) => {
        await end()
        this.committed.push({ descriptor, bytes: Buffer.concat(pieces) })
      },
      discard: end,
    }
  }
}
