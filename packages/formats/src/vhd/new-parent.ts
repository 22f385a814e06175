import { Buffer } from 'node:buffer'
import { ImageError } from '../image/image-error.js'
import { parentNameBytes } from './dynamic-header.js'
import { roundUp, sectorBytes } from './layout.js'
import { longestLocatorBytes } from './parent-names.js'
import type { SparseWriterOptions } from './sparse-writer.js'
import { encodeUtf16be } from './utf16.js'
import { uuidBytes } from './uuid.js'

/** The parent of a new differencing disk, as the child is to remember it. */
export interface VhdParent {
  /** `identity` of the parent's layer. */
  readonly uniqueId: string
  /** When the parent's file was last changed; some programs warn when it was changed since. */
  readonly modifiedAt: Date
  /** Size of its disk. @defaultValue the size of the child, which may be larger */
  readonly sizeBytes?: number
  /** Path from the child's folder, as Windows writes it: `.\base.vhd` (locator W2ru). */
  readonly relativePath: string
  /** Full path: `D:\disks\base.vhd` (locator W2ku). @defaultValue none */
  readonly absolutePath?: string
  /** Name in the header, 256 letters at most. @defaultValue the last part of `relativePath` */
  readonly name?: string
}

/** Lays out the locators of a parent and what the header says of it. @throws ImageError `limit`, `unsupported` */
export function newParent(parent: VhdParent): NonNullable<SparseWriterOptions['parent']> {
  const { uniqueId, modifiedAt, relativePath, absolutePath } = parent
  const name = encodeUtf16be(parent.name ?? relativePath.split(/[\\/]/).at(-1) ?? '')
  uuidBytes(uniqueId)
  if (relativePath === '')
    throw new ImageError('unsupported', 'The parent of a differencing disk has no path, so it would never be found.')
  if (name.byteLength > parentNameBytes)
    throw new ImageError('limit', `The name of the parent has more than ${parentNameBytes / 2} letters`, {
      hint: 'Give a shorter `name`; paths may be longer.',
    })
  const paths = [
    { platform: 'W2ru', text: Buffer.from(relativePath, 'utf16le') },
    ...(absolutePath === undefined ? [] : [{ platform: 'W2ku', text: Buffer.from(absolutePath, 'utf16le') }]),
  ]
  let areaBytes = 0
  const locators = paths.map(({ platform, text }) => {
    if (text.byteLength > longestLocatorBytes)
      throw new ImageError('limit', `The path of the parent has more than ${longestLocatorBytes / 2} letters.`)
    const offset = areaBytes
    const room = roundUp(text.byteLength, sectorBytes)
    areaBytes += room
    return { platform, text, offset, room, length: text.byteLength }
  })
  const area = new Uint8Array(areaBytes)
  for (const { text, offset } of locators) area.set(text, offset)
  return {
    area,
    header: (areaAt) => ({
      uniqueId,
      modifiedAt,
      name,
      locators: locators.map(({ platform, offset, length, room }) => ({
        platform,
        offset: areaAt + offset,
        length,
        room,
      })),
    }),
  }
}
