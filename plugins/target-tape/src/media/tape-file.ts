import type { CallOptions } from '@holdfast/core'
import type { TapeDrive } from '../drive/tape-drive.js'
import { type BlockSource, NoArchiveError } from '../layout/read-archive.js'

/** A tape file as it is read from where the head is. */
export interface TapeFile extends BlockSource {
  /** Nothing is recorded where reading began. */
  readonly isBlank: () => boolean
}

/** Room for our blocks and for those of others: drives exist that give a wrong amount where a block fills more than half of it. */
const mostBlockBytes = 2 ** 20

/** Reads on from where the head is, up to the filemark. Its blocks may be anybody's. */
export function tapeFile(drive: TapeDrive, options: CallOptions): TapeFile {
  const memory = new Uint8Array(mostBlockBytes)
  let blocks = 0
  let isOver = false
  let isBlank = false
  return {
    isBlank: () => isBlank,
    next: async () => {
      if (isOver) return undefined
      const read = await drive.read(memory, options)
      if (read.kind === 'other-block') throw new NoArchiveError('its blocks are none of ours')
      isOver = read.kind !== 'block'
      isBlank = blocks === 0 && read.kind === 'end-of-data'
      blocks += 1
      return read.kind === 'block' ? memory.subarray(0, read.bytes) : undefined
    },
    skip: async (count) => {
      if (isOver) return 0
      const skipped = await drive.skip(count, options)
      isOver = skipped < count
      blocks += skipped
      return skipped
    },
  }
}
