import { distributionBound } from '../../figures/bound.ts'

/** Rates in bytes per second, sizes in bytes. */
export interface Workload {
  readonly nodes: number
  /** Of each node and of the shared host, both ways. */
  readonly link: number
  readonly upstream: number
  /** Of the whole image. */
  readonly bytes: number
  readonly layers: number
  /** After all nodes have pulled one image at once, they get another one, a fifth of them at a time. */
  readonly update: boolean
  /** What a node has when its time ends: the last byte, or the image unpacked by its containerd. */
  readonly until: 'delivered' | 'unpacked'
  /** Nodes tell when the first byte of the first layer came. */
  readonly firstByte: boolean
  readonly repetitions: number
}

/** All at once, or rolling. */
export type Phase = 'create' | 'update'

/** The share of the nodes that are updated at a time, as `maxUnavailable` of a rolling update. */
export const updateShare = 0.2

export function phasesOf({ update }: Workload): readonly Phase[] {
  return update ? ['create', 'update'] : ['create']
}

/** How many nodes pull at the same time. */
export function atOnceOf({ nodes }: Workload, phase: Phase): number {
  return phase === 'create' ? nodes : Math.ceil(nodes * updateShare)
}

/**
 * The least seconds from the first node's start to the last one's end. In an update the first nodes are a small swarm; those
 * after them come in as many rounds as it takes, each limited by its own links, or by those of all who have the image.
 */
export function boundOf(workload: Workload, phase: Phase): number {
  const { nodes, link, upstream, bytes: size } = workload
  const atOnce = atOnceOf(workload, phase)
  let seconds = 0
  for (let done = 0; done < nodes; done += atOnce) {
    const pulling = Math.min(atOnce, nodes - done)
    const uplinks = (done + pulling) * link
    const source = done === 0 ? upstream : upstream + done * link
    seconds += distributionBound({ size, nodes: pulling, upstream: source, narrowestDownlink: link, uplinks })
  }
  return seconds
}

/** Nobody may take longer than everybody would who shares upstream with all others. */
export function timeoutMsOf({ nodes, bytes, upstream, link }: Workload): number {
  return 120_000 + 3_000 * ((nodes * bytes) / Math.min(upstream, link))
}
