import { type DirtyBitmap, type QmpSession, queryBlockNodes } from '@holdfast/protocol-qmp'
import { type Checkpoint, readBitmapName } from './checkpoint.js'

/** Chains that nobody went on with for so long are given up. */
const forgottenAfterSeconds = 35 * 86_400

/** Which bitmaps of a node stay. */
export interface Retirement {
  readonly node: string
  readonly chain: string
  /** Names of the chain's bitmaps that are still needed. */
  readonly keep: ReadonlySet<string>
  readonly now: Date
}

/**
 * Removes bitmaps that nothing leads back to any more: older ones of this chain, those of runs that failed, broken ones, and
 * those of chains that nobody went on with for 35 days. Bitmaps of others are left alone.
 *
 * @throws QmpError
 */
export async function retireBitmaps(session: QmpSession, retirements: readonly Retirement[]): Promise<void> {
  await removeBitmaps(session, (node, bitmap, ours) => {
    const retirement = retirements.find((each) => each.node === node)
    const checkpoint = readBitmapName(bitmap.name)
    if (retirement === undefined || checkpoint === undefined) return false
    const { chain, keep, now } = retirement
    if (bitmap.isInconsistent) return true
    return checkpoint.chain === chain ? !keep.has(bitmap.name) : isForgotten(checkpoint.chain, ours, now)
  })
}

/** Removes the bitmaps of checkpoints that a rule names; it is told of all checkpoints of the node. @throws QmpError */
export async function removeBitmaps(
  session: QmpSession,
  mayGo: (node: string, bitmap: DirtyBitmap, ofNode: readonly Checkpoint[]) => boolean,
): Promise<void> {
  for (const { nodeName, bitmaps } of await queryBlockNodes(session)) {
    const ofNode = bitmaps.flatMap(({ name }) => readBitmapName(name) ?? [])
    for (const bitmap of bitmaps)
      if (mayGo(nodeName, bitmap, ofNode))
        await session.execute('block-dirty-bitmap-remove', { node: nodeName, name: bitmap.name })
  }
}

function isForgotten(chain: string, checkpoints: readonly Checkpoint[], now: Date): boolean {
  const newest = Math.max(...checkpoints.filter((each) => each.chain === chain).map(({ moment }) => moment))
  return now.getTime() / 1000 - newest > forgottenAfterSeconds
}
