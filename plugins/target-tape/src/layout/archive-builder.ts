import { tarBlockBytes, tarPadding } from '@holdfast/formats/tar'
import { blockBytes } from './block.js'

/** Where a member came to lie in its tape file. */
export interface LaidMember {
  /** Of the first byte of its head. */
  readonly headOffset: number
  readonly contentOffset: number
  /** Bytes before the head in the block where that begins: what stays when the member is taken back. */
  readonly before: Uint8Array
  /** Blocks that are full now. */
  readonly blocks: readonly Uint8Array[]
}

/** Puts members one after another and cuts them into blocks. */
export interface ArchiveBuilder {
  /** Bytes so far. */
  readonly sizeBytes: () => number
  /** Lays a member behind the others. The bytes given are copied. */
  readonly add: (head: Uint8Array, content: Iterable<Uint8Array>) => LaidMember
  /** Ends the archive, and returns its last blocks. */
  readonly end: () => readonly Uint8Array[]
}

/** Begins an archive. */
export function archiveBuilder(): ArchiveBuilder {
  let open = new Uint8Array(blockBytes)
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
    yield open
    open = new Uint8Array(blockBytes)
    used = 0
    blocksBefore += 1
  }

  return {
    sizeBytes,
    add: (head, content) => {
      const headOffset = sizeBytes()
      const before = open.slice(0, used)
      const blocks = [...cut(head)]
      let contentBytes = 0
      for (const part of content) {
        blocks.push(...cut(part))
        contentBytes += part.length
      }
      blocks.push(...cut(new Uint8Array(tarPadding(contentBytes))))
      return { headOffset, contentOffset: headOffset + head.length, before, blocks }
    },
    end: () => {
      const blocks = [...cut(new Uint8Array(2 * tarBlockBytes))]
      return used === 0 ? blocks : [...blocks, ...full()]
    },
  }
}

/** The blocks that end an archive before a member that was taken back. */
export function endInstead({ before }: Pick<LaidMember, 'before'>): readonly Uint8Array[] {
  const builder = archiveBuilder()
  // Not a member, but bytes all the same; they end at a multiple of tar's own blocks.
  const { blocks } = builder.add(before, [])
  return [...blocks, ...builder.end()]
}
