import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import { guidBytes, readGuid } from './guid.js'
import { fileParameterFlags, metadataIds, sizeLimits } from './layout.js'
import { readMetadataTable } from './metadata-table.js'
import { type ParentLocator, parseParentLocator } from './parent-locator.js'

/** What the metadata region says of the disk (2.6.2). */
export interface VhdxMetadata {
  readonly blockBytes: number
  /** Set in a fixed disk: its blocks stay allocated. */
  readonly leavesBlocksAllocated: boolean
  readonly sizeBytes: number
  readonly sectorBytes: number
  readonly physicalSectorBytes: number
  readonly virtualDiskId: string
  /** Present in a differencing disk. */
  readonly parent?: ParentLocator
}

/** Reads the metadata region. @throws ImageError `corrupt`, `unsupported` */
export async function readMetadata(file: NamedSource, region: ByteRange): Promise<VhdxMetadata> {
  const items = await readMetadataTable(file, region)
  /** Reads an item that must be there; `bytes` is its length where that is fixed. */
  const item = async (id: string, what: string, bytes?: number): Promise<{ at: number; item: Fields }> => {
    const found = items.get(id)
    if (found === undefined) throw corrupt(`its metadata has no ${what}`, file.name, region.offset)
    if (bytes !== undefined && found.length !== bytes)
      throw corrupt(`${what} takes ${found.length} bytes instead of ${bytes}`, file.name, found.offset)
    const read = await readPart(file, found.offset, found.length, what)
    return { at: found.offset, item: fields(read, 'little', file.name) }
  }
  const parameters = await item(metadataIds.fileParameters, 'file parameters', 8)
  const blockBytes = parameters.item.u32(0)
  const flags = parameters.item.u32(4)
  if (!isPowerOfTwo(blockBytes) || blockBytes < sizeLimits.leastBlockBytes || blockBytes > sizeLimits.mostBlockBytes)
    throw corrupt(`a block size of ${blockBytes} is not allowed`, file.name, parameters.at)
  const unknownFlags = flags & ~(fileParameterFlags.leaveBlocksAllocated | fileParameterFlags.hasParent)
  if (unknownFlags !== 0)
    throw new ImageError(
      'unsupported',
      `its file parameters set unknown flags, 0x${(unknownFlags >>> 0).toString(16)}`,
      {
        file: file.name,
        offset: parameters.at + 4,
      },
    )

  const sectorSize = async (id: string, what: string) => {
    const { at, item: size } = await item(id, what, 4)
    const sectorBytes = sizeLimits.sectorBytes.find((allowed) => allowed === size.u32(0))
    if (sectorBytes === undefined) throw corrupt(`${what} of ${size.u32(0)} is not allowed`, file.name, at)
    return sectorBytes
  }
  const sectorBytes = await sectorSize(metadataIds.logicalSectorSize, 'logical sector size')
  const physicalSectorBytes = await sectorSize(metadataIds.physicalSectorSize, 'physical sector size')

  const size = await item(metadataIds.virtualDiskSize, 'virtual disk size', 8)
  const sizeBytes = size.item.u64(0)
  if (sizeBytes > sizeLimits.diskBytes || sizeBytes % sectorBytes !== 0)
    throw corrupt(
      `a disk of ${sizeBytes} bytes is not allowed: at most 64 TiB, in whole sectors of ${sectorBytes}`,
      file.name,
      size.at,
    )
  const id = await item(metadataIds.virtualDiskId, 'virtual disk id', guidBytes)
  const locator =
    (flags & fileParameterFlags.hasParent) === 0 ? undefined : await item(metadataIds.parentLocator, 'parent locator')
  return {
    blockBytes,
    leavesBlocksAllocated: (flags & fileParameterFlags.leaveBlocksAllocated) !== 0,
    sizeBytes,
    sectorBytes,
    physicalSectorBytes,
    virtualDiskId: readGuid(id.item.bytes, 0),
    ...(locator !== undefined && { parent: parseParentLocator(locator.item.bytes, file.name, locator.at) }),
  }
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0
}
