import { randomUUID } from 'node:crypto'
import { ImageError } from '../image/image-error.js'
import { parseGuid } from './guid.js'
import { mebibyte, sizeLimits } from './layout.js'

/** What a new VHDX image is. */
export type VhdxWriterOptions = VhdxPlainOptions | VhdxDifferencingOptions

/** A disk that is whole by itself. */
export interface VhdxPlainOptions extends VhdxCommonOptions {
  /** `fixed`: all its space is set aside at once. `dynamic`: blocks are added as they are written. */
  readonly variant: 'fixed' | 'dynamic'
}

/** A disk that holds only what differs from its parent. */
export interface VhdxDifferencingOptions extends VhdxCommonOptions {
  readonly variant: 'differencing'
  readonly parent: VhdxParent
  /**
   * Fills the whole of `into` from `offset` of the parent's disk, with zeros past the parent's end.
   *
   * Called: only for the rest of sectors of which a part is written; one sector at a time.
   */
  readonly readParent: (offset: number, into: Uint8Array) => Promise<void>
}

/** How a differencing image finds its parent; at least one path must be given. */
export interface VhdxParent {
  /** Data write GUID of the parent, which is its `identity`. A parent that changes later no longer fits. */
  readonly identity: string
  /** Path from the folder of the child: `.\parent.vhdx`. */
  readonly relativePath?: string
  /** Path that begins with a volume: `\\?\Volume{…}\disks\parent.vhdx`. */
  readonly volumePath?: string
  /** Path that begins with `\\?\`: `\\?\d:\disks\parent.vhdx`. */
  readonly absolutePath?: string
}

/** What every kind takes. GUIDs may be in braces and in any case. */
export interface VhdxCommonOptions {
  /** Size of the disk: whole logical sectors, at most 64 TiB. */
  readonly sizeBytes: number
  /**
   * A power of two from 1 MiB to 256 MiB.
   *
   * Small blocks keep the holes of a restored disk: whoever reads the image knows the rest of a block only as zeros that
   * are stored. Large ones keep the table of a disk small that has no holes. Hyper-V's own defaults are the ones here,
   * but for dynamic disks, which it gives 32 MiB.
   *
   * @defaultValue 32 MiB when fixed, else 2 MiB
   */
  readonly blockBytes?: number
  /** Sector size that the guest sees; a child's must be its parent's. @defaultValue 512 */
  readonly logicalSectorBytes?: 512 | 4096
  /** Sector size that the guest should align to. @defaultValue 4096 */
  readonly physicalSectorBytes?: 512 | 4096
  /** Id of the disk that the guest sees; a child must carry its parent's. @defaultValue a random one */
  readonly virtualDiskId?: string
  /** Becomes the identity that children remember. @defaultValue a random one */
  readonly dataWriteId?: string
  /** Id of the file's contents. @defaultValue a random one */
  readonly fileWriteId?: string
  /** Name of the program, for people; at most 256 UTF-16 units. @defaultValue `holdfast` */
  readonly creator?: string
}

/** Options with every default filled in. */
export interface CheckedOptions {
  readonly variant: VhdxWriterOptions['variant']
  readonly sizeBytes: number
  readonly blockBytes: number
  readonly sectorBytes: 512 | 4096
  readonly physicalSectorBytes: 512 | 4096
  readonly virtualDiskId: string
  readonly dataWriteId: string
  readonly fileWriteId: string
  readonly creator: string
  readonly parent?: VhdxParent
}

const defaultBlockBytes = { fixed: 32 * mebibyte, dynamic: 2 * mebibyte, differencing: 2 * mebibyte } as const

/** Checks what a caller asks for. @throws ImageError `unsupported` for what the format cannot be, `limit` */
export function checkOptions(options: VhdxWriterOptions): CheckedOptions {
  const { variant, sizeBytes, logicalSectorBytes = 512, physicalSectorBytes = 4096, creator = 'holdfast' } = options
  const { blockBytes = defaultBlockBytes[variant] } = options
  const { leastBlockBytes, mostBlockBytes, diskBytes } = sizeLimits
  if (sizeBytes > diskBytes)
    throw new ImageError('limit', `A VHDX disk has at most ${diskBytes} bytes (64 TiB), not ${sizeBytes}`)
  for (const [name, bytes] of [
    ['logical', logicalSectorBytes],
    ['physical', physicalSectorBytes],
  ] as const)
    if (!sizeLimits.sectorBytes.some((allowed) => allowed === bytes))
      throw new ImageError('unsupported', `The ${name} sector size of a VHDX disk is 512 or 4096, not ${bytes}`)
  if (physicalSectorBytes < logicalSectorBytes)
    throw new ImageError('unsupported', 'Physical sectors of a VHDX disk cannot be smaller than logical ones')
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % logicalSectorBytes !== 0)
    throw new ImageError(
      'unsupported',
      `A VHDX disk has whole sectors of ${logicalSectorBytes} bytes, which ${sizeBytes} bytes are not`,
    )
  if (!Number.isInteger(Math.log2(blockBytes)) || blockBytes < leastBlockBytes || blockBytes > mostBlockBytes)
    throw new ImageError(
      'unsupported',
      `The block size of a VHDX disk is a power of two from 1 MiB to 256 MiB, not ${blockBytes}`,
    )
  return {
    variant,
    sizeBytes,
    blockBytes,
    sectorBytes: logicalSectorBytes,
    physicalSectorBytes,
    virtualDiskId: guid('virtualDiskId', options.virtualDiskId ?? randomUUID()),
    dataWriteId: guid('dataWriteId', options.dataWriteId ?? randomUUID()),
    fileWriteId: guid('fileWriteId', options.fileWriteId ?? randomUUID()),
    creator,
    ...(options.variant === 'differencing' && { parent: checkParent(options.parent) }),
  }
}

const extendedPrefix = '\\\\?\\'

function checkParent(parent: VhdxParent): VhdxParent {
  const { relativePath, volumePath, absolutePath } = parent
  const paths = [relativePath, volumePath, absolutePath].filter((path) => path !== undefined)
  if (paths.length === 0)
    throw new ImageError('unsupported', 'A differencing VHDX needs at least one path of its parent')
  if (paths.some((path) => path === '' || path.includes('\0')))
    throw new ImageError('unsupported', "A path of a VHDX file's parent is neither empty nor has NUL characters")
  if ([volumePath, absolutePath].some((path) => path !== undefined && !path.startsWith(extendedPrefix)))
    throw new ImageError(
      'unsupported',
      `Volume path and absolute path of a VHDX file's parent begin with ${extendedPrefix}`,
    )
  return { ...parent, identity: guid('parent.identity', parent.identity) }
}

function guid(name: string, text: string): string {
  const parsed = parseGuid(text)
  if (parsed === undefined) throw new ImageError('unsupported', `${name} is no GUID: ${text}`)
  return parsed
}
