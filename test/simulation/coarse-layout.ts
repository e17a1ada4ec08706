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

/** Larger swarms are simulated with fewer chunks, so that a run ends within minutes. */
const largeSwarm = 2_000
const chunksOfLarge = 256

/** The layout that a run takes if it is not told the length of a chunk. */
export function layoutFor(size: number, nodes: number): ChunkLayout {
  const layout = new ChunkLayout(size)
  if (nodes <= largeSwarm || layout.count <= chunksOfLarge) return layout
  return new CoarseLayout(size, 2 ** Math.ceil(Math.log2(size / chunksOfLarge)))
}
