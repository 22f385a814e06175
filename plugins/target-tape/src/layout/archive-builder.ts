import { tarBlockBytes, tarPadding } from '@holdfast/formats/tar'
import { blockBytes } from './block.js'

/** Where a member comes to lie in its tape file. */
export interface LaidMember {
  /** Of the first byte of its head. */
  readonly headOffset: number
  readonly contentOffset: number
  /** Bytes before the head in the block where that begins: what stays when the member is taken back. */
  readonly before: Uint8Array
  /** Blocks as they become full, to be asked for once and to the end; each is valid until so many more were asked for as there are in memory. */
  readonly blocks: Iterable<Uint8Array>
}

/** Blocks of an archive that are in memory at once. */
export const blocksInMemory = 2

/** Puts members one after another and cuts them into blocks. */
export interface ArchiveBuilder {
  /** Bytes so far. */
  readonly sizeBytes: () => number
  /** Lays a member behind the others. */
  readonly add: (head: Uint8Array, content: Uint8Array) => LaidMember
  /** Ends the archive: its last blocks, valid as those of members are. */
  readonly end: () => Iterable<Uint8Array>
}

/** Begins an archive. */
export function archiveBuilder(): ArchiveBuilder {
  const memory = Array.from({ length: blocksInMemory }, () => new Uint8Array(blockBytes))
  let [open = new Uint8Array(blockBytes)] = memory
  let used = 0
  let blocksBefore = 0
  const sizeBytes = () => blocksBefore * blockBytes + used

  function* cut(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + blockBytes - used)
      open.set(part, used)
      used += part.length
      at += part.length
      if (used === blockBytes) yield* full()
    }
  }

  function* full(): Generator<Uint8Array> {
    const block = open
    blocksBefore += 1
    used = 0
    open = memory[blocksBefore % blocksInMemory] ?? open
    yield block
  }

  function* member(head: Uint8Array, content: Uint8Array): Generator<Uint8Array> {
    yield* cut(head)
    yield* cut(content)
    yield* cut(new Uint8Array(tarPadding(content.length)))
  }

  function* ending(): Generator<Uint8Array> {
    yield* cut(new Uint8Array(2 * tarBlockBytes))
    if (used > 0) {
      open.fill(0, used)
      yield* full()
    }
  }

  return {
    sizeBytes,
    add: (head, content) => {
      const headOffset = sizeBytes()
      const contentOffset = headOffset + head.length
      return { headOffset, contentOffset, before: open.slice(0, used), blocks: member(head, content) }
    },
    end: ending,
  }
}

/** The blocks that end an archive before a member that was taken back. */
export function* endInstead({ before }: Pick<LaidMember, 'before'>): Generator<Uint8Array> {
  const builder = archiveBuilder()
  // Not a member, but bytes all the same; they end at a multiple of tar's own blocks.
  yield* builder.add(before, new Uint8Array(0)).blocks
  yield* builder.end()
}
