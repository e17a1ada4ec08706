/** Runs `work` for each item, at most `parallel` at a time. The first failure ends it: no further item starts. */
export async function forEachOf<Item>(
  items: Iterable<Item>,
  parallel: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  let failed = false
  const worker = async () => {
    for (let next = queue.next(); !next.done && !failed; next = queue.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: parallel }, worker))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
