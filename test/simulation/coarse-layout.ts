import { ChunkLayout } from '@shoal/content'

/** A blob cut into chunks of any length, to see what other lengths would do; the product cuts by the blob's size alone. */
export class CoarseLayout extends ChunkLayout {
  override readonly chunkLength: number
  override readonly count: number

  constructor(size: number, chunkLength: number) {
    super(size)
    this.chunkLength = chunkLength
    this.count = Math.ceil(size / chunkLength)
  }
}
