import { isZeroBlock, parseTarHeader, paxRecords, tarBlockBytes, tarPadding, textOf } from '@holdfast/formats/tar'
import { blockBytes } from './block.js'

/** The blocks of one tape file, in order. */
export interface BlockSource {
  /** The next block, of any size; undefined at the filemark or the end of data. Valid until the next call. */
  readonly next: () => Promise<Uint8Array | undefined>
  /** Goes over blocks without reading them. Returns how many there were before the filemark or the end of data. */
  readonly skip: (blocks: number) => Promise<number>
}

/** A file in the archive. */
export interface FoundMember {
  /** As stated; untrusted. */
  readonly name: string
  readonly sizeBytes: number
  /** Of its first byte in the tape file. */
  readonly contentOffset: number
  readonly modifiedAt: Date
  readonly records: ReadonlyMap<string, string>
  /** Reads it, once and before the next member is asked for; each part is valid until the next. Otherwise it is gone over. */
  readonly content: () => AsyncIterable<Uint8Array>
}

/** How an archive ends. */
export type ArchiveEnd =
  /** With zeros, as it should. */
  | 'complete'
  /** Within a member, or before the zeros: what a dead writer left, or the end of a medium that is written once. */
  | 'cut-off'

/** Thrown for bytes that are no archive. */
export class NoArchiveError extends Error {}

const longestExtension = 65_536

/**
 * Reads the files of an archive, in order; the value that it returns tells how the archive ends.
 *
 * @throws NoArchiveError for what is no tar archive of ours
 */
export async function* readArchive(source: BlockSource): AsyncGenerator<FoundMember, ArchiveEnd> {
  const reader = byteReader(source)
  let records: ReadonlyMap<string, string> = new Map()
  for (;;) {
    const headerAt = reader.offset()
    const block = await reader.take(tarBlockBytes)
    if (block === undefined) return 'cut-off'
    if (isZeroBlock(block)) return 'complete'
    const header = parseTarHeader(block)
    if (header === undefined) throw new NoArchiveError(`there is no tar header at byte ${headerAt} of the tape file`)
    const modifiedAt = new Date(Number.parseInt(textOf(block.subarray(136, 148)).trim() || '0', 8) * 1000)
    if (header.type === 'x') {
      if (header.sizeBytes > longestExtension) throw new NoArchiveError('a header is too long')
      const extension = await reader.take(header.sizeBytes)
      if (extension === undefined) return 'cut-off'
      const found = paxRecords(extension)
      if (found === undefined) throw new NoArchiveError('extended attributes are wrong')
      records = found
      if (!(await reader.skip(tarPadding(header.sizeBytes)))) return 'cut-off'
      continue
    }
    if (header.type !== '0') throw new NoArchiveError(`there is a member of type '${header.type}'`)
    const { sizeBytes } = header
    let left = sizeBytes
    let isCut = false
    yield {
      name: records.get('path') ?? header.name,
      sizeBytes,
      contentOffset: reader.offset(),
      modifiedAt,
      records,
      content: async function* () {
        while (left > 0) {
          const part = await reader.some(left)
          if (part === undefined) {
            isCut = true
            return
          }
          left -= part.length
          yield part
        }
      },
    }
    records = new Map()
    if (isCut || !(await reader.skip(left + tarPadding(sizeBytes)))) return 'cut-off'
  }
}

/** Bytes out of blocks. */
function byteReader(source: BlockSource) {
  let block: Uint8Array = new Uint8Array(0)
  let at = 0
  let before = 0
  const fill = async (): Promise<boolean> => {
    if (at < block.length) return true
    before += block.length
    at = 0
    block = (await source.next()) ?? new Uint8Array(0)
    return block.length > 0
  }
  const some = async (mostBytes: number): Promise<Uint8Array | undefined> => {
    if (!(await fill())) return undefined
    const part = block.subarray(at, at + mostBytes)
    at += part.length
    return part
  }
  return {
    offset: () => before + at,
    some,
    take: async (sizeBytes: number): Promise<Uint8Array | undefined> => {
      const taken = new Uint8Array(sizeBytes)
      for (let have = 0; have < sizeBytes; ) {
        const part = await some(sizeBytes - have)
        if (part === undefined) return undefined
        taken.set(part, have)
        have += part.length
      }
      return taken
    },
    /** Tells whether there was so much to go over. */
    skip: async (sizeBytes: number): Promise<boolean> => {
      let left = sizeBytes - Math.min(sizeBytes, block.length - at)
      at += sizeBytes - left
      const whole = Math.floor(left / blockBytes)
      if (whole > 0) {
        const skipped = await source.skip(whole)
        before += block.length + skipped * blockBytes
        block = new Uint8Array(0)
        at = 0
        if (skipped < whole) return false
        left -= whole * blockBytes
      }
      while (left > 0) {
        const part = await some(left)
        if (part === undefined) return false
        left -= part.length
      }
      return true
    },
  }
}
