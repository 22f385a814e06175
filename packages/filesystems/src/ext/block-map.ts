import { fields } from '../bytes/fields.js'
import type { FileRun } from '../file/open-runs.js'
import type { ByteRange, CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import type { ExtVolume } from './ext-volume.js'
import type { Inode } from './inode.js'

const directBlocks = 12
const levels = 3

/**
 * Yields the runs of a file from its direct, indirect, doubly and triply indirect blocks, as ext2 and ext3 have them.
 *
 * Work is bounded: a walk reads no more tables than the volume has blocks.
 * @throws FilesystemError `damaged`
 */
export async function* blockMapRuns(
  volume: ExtVolume,
  inode: Inode,
  range: ByteRange,
  options: CallOptions,
): AsyncIterable<FileRun> {
  const { blockBytes, blockCount } = volume.superblock
  const perTable = blockBytes / 4
  const firstWanted = Math.floor(range.offset / blockBytes)
  const endWanted = Math.ceil((range.offset + range.length) / blockBytes)
  let left = blockCount

  /** Runs below `count` numbers of blocks, each of which stands for `step` blocks of the file from `first` on. */
  async function* below(table: Uint8Array, first: number, step: number): AsyncIterable<FileRun> {
    const numbers = fields(table, 'little', `the block map of inode ${inode.number}`, { inode: inode.number })
    const from = Math.max(0, Math.floor((firstWanted - first) / step))
    const end = Math.min(table.byteLength / 4, Math.ceil((endWanted - first) / step))
    for (let i = from; i < end; i++) {
      const block = numbers.u32(i * 4)
      if (block === 0) continue
      if (block >= blockCount) throw broken(`names block ${block} of ${blockCount}`)
      const at = first + i * step
      if (step === 1) yield { offset: at * blockBytes, length: blockBytes, at: block * blockBytes }
      else yield* below(await tableAt(block), at, step / perTable)
    }
  }

  const tableAt = async (block: number) => {
    left -= 1
    if (left < 0) throw broken('has more tables than the volume has blocks')
    return await volume.blocks(block, 1, 'a table of the block map', inode, options)
  }
  const broken = (what: string) => damaged(`the block map of inode ${inode.number} ${what}`, { inode: inode.number })

  yield* below(inode.block.subarray(0, directBlocks * 4), 0, 1)
  let first = directBlocks
  for (let level = 1; level <= levels; level++) {
    const at = (directBlocks + level - 1) * 4
    const step = perTable ** level
    yield* below(inode.block.subarray(at, at + 4), first, step)
    first += step
  }
}
