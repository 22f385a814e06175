import type { CallOptions } from '@holdfast/core'
import type { TapeDrive } from '../drive/tape-drive.js'
import { type BlockSource, NoArchiveError } from '../layout/read-archive.js'

/** A tape file as it is read from where the head is. */
export interface TapeFile extends BlockSource {
  /** Nothing is recorded where reading began. */
  readonly isBlank: () => boolean
  /** Blocks so far, read or gone over. */
  readonly blocks: () => number
  /** What came after its last block; undefined while there may be more. */
  readonly endedBy: () => 'filemark' | 'end-of-data' | undefined
}

/** Room for our blocks and for those of others: drives exist that give a wrong amount where a block fills more than half of it. */
export const mostBlockBytes = 2 ** 20

/** Reads on from where the head is, up to the filemark. Its blocks may be anybody's. */
export function tapeFile(drive: TapeDrive, options: CallOptions): TapeFile {
  const memory = new Uint8Array(mostBlockBytes)
  let blocks = 0
  let endedBy: 'filemark' | 'end-of-data' | undefined
  return {
    isBlank: () => blocks === 0 && endedBy === 'end-of-data',
    blocks: () => blocks,
    endedBy: () => endedBy,
    next: async () => {
      if (endedBy !== undefined) return undefined
      const read = await drive.read(memory, options)
      if (read.kind === 'other-block') throw new NoArchiveError('its blocks are none of ours')
      if (read.kind !== 'block') {
        endedBy = read.kind
        return undefined
      }
      blocks += 1
      return memory.subarray(0, read.bytes)
    },
    skip: async (count) => {
      if (endedBy !== undefined) return 0
      const from = drive.spot()?.file
      const skipped = await drive.skip(count, options)
      blocks += skipped
      if (skipped < count) endedBy = drive.spot()?.file === from ? 'end-of-data' : 'filemark'
      return skipped
    },
  }
}
