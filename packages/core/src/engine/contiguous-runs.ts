import { toHex } from '../repository/bytes.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import type { DecodedFrame } from './fetch-frame.js'

/** A chunk of a frame, and one place where it goes. */
export interface PlacedFrameChunk {
  /** Hex. */
  readonly id: string
  readonly plainOffset: number
  readonly length: number
  /** Number of the disk among those that are restored together. */
  readonly disk: number
  readonly diskOffset: number
}

/** Part of a plain frame that is written at once. */
export interface FrameRun {
  readonly plainOffset: number
  readonly length: number
  readonly disk: number
  readonly diskOffset: number
}

/**
 * Joins neighbours that lie side by side both in the frame and on a disk: one write instead of many.
 *
 * Guarantee: each chunk is the one that the frame proves to hold there.
 * @throws BackupError `E_DAMAGED`
 */
export function* contiguousRuns(
  pack: string,
  places: Iterable<PlacedFrameChunk>,
  listed: DecodedFrame['chunks'],
): Generator<FrameRun> {
  const actual = new Map(listed.map((chunk) => [chunk.offset, chunk]))
  let open: { plainOffset: number; length: number; disk: number; diskOffset: number } | undefined
  for (const { id, plainOffset, length, disk, diskOffset } of places) {
    const chunk = actual.get(plainOffset)
    if (chunk === undefined || chunk.length !== length || toHex(chunk.id) !== id)
      throw damaged(packKey(pack), `the frame that should hold chunk ${id} holds another`)
    if (
      open !== undefined &&
      open.disk === disk &&
      open.plainOffset + open.length === plainOffset &&
      open.diskOffset + open.length === diskOffset
    ) {
      open.length += length
      continue
    }
    if (open !== undefined) yield open
    open = { plainOffset, length, disk, diskOffset }
  }
  if (open !== undefined) yield open
}
