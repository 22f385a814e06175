import { fields } from '../bytes/fields.js'
import { damaged, FilesystemError, unsupported } from '../filesystem-error.js'

/** What the boot sector says: sizes, and where the master file table begins. */
export interface BootSector {
  readonly sizeBytes: number
  readonly clusterBytes: number
  readonly clusters: number
  readonly recordBytes: number
  readonly mftCluster: number
  readonly mftMirrorCluster: number
  /** As Windows and blkid write it. */
  readonly serial: string
}

/** Length of what is read of it. */
export const bootSectorBytes = 512

const magicAt = 3
const magic = 'NTFS    '
const sectorSizes = { least: 256, most: 4096 }
const mostClusterBytes = 2 ** 21
const recordSizes = { least: 512, most: 65_536 }

/** Tells whether a volume begins as NTFS does. */
function isNtfs(start: Uint8Array): boolean {
  return (
    start.byteLength >= bootSectorBytes &&
    Buffer.from(start.subarray(magicAt, magicAt + magic.length)).toString('latin1') === magic
  )
}

/** Decodes the boot sector. @throws FilesystemError `unrecognised`, `damaged` */
export function decodeBootSector(bytes: Uint8Array, volumeBytes: number): BootSector {
  if (!isNtfs(bytes))
    throw new FilesystemError('unrecognised', 'The volume does not begin as NTFS does.', { offset: 0 })
  const at = fields(bytes, 'little', 'the boot sector', { offset: 0 })
  const wrong = (what: string) => damaged(`the boot sector claims ${what}`, { offset: 0 })
  const sectorBytes = at.u16(0x0b)
  if (!isPowerOfTwo(sectorBytes, sectorSizes.least, sectorSizes.most)) throw wrong(`sectors of ${sectorBytes} bytes`)
  const clusterBytes = sectorBytes * perCluster(at.u8(0x0d))
  if (!isPowerOfTwo(clusterBytes, sectorBytes, mostClusterBytes)) throw wrong(`clusters of ${clusterBytes} bytes`)
  const recordBytes = structureBytes(at.u8(0x40), clusterBytes)
  if (!isPowerOfTwo(recordBytes, recordSizes.least, recordSizes.most))
    throw wrong(`file records of ${recordBytes} bytes`)
  const sizeBytes = at.u64(0x28) * sectorBytes
  if (sizeBytes > volumeBytes)
    throw damaged(`the file system of ${sizeBytes} bytes is larger than its volume of ${volumeBytes}`, { offset: 0 })
  const clusters = Math.floor(sizeBytes / clusterBytes)
  const mftCluster = at.u64(0x30)
  if (mftCluster >= clusters) throw wrong(`a file table at cluster ${mftCluster} of ${clusters}`)
  return {
    sizeBytes,
    clusterBytes,
    clusters,
    recordBytes,
    mftCluster,
    mftMirrorCluster: at.u64(0x38),
    serial: at.bits64(0x48).toString(16).toUpperCase().padStart(16, '0'),
  }
}

/** Sectors in a cluster; large numbers stand for powers of two, as they do in `structureBytes`. */
function perCluster(stored: number): number {
  return stored <= 0x80 ? stored : 2 ** (256 - stored)
}

/** A size in clusters, or, where it is negative, as the exponent of a power of two in bytes. */
function structureBytes(stored: number, clusterBytes: number): number {
  return stored < 0x80 ? stored * clusterBytes : 2 ** (256 - stored)
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && Number.isInteger(Math.log2(value))
}

/** @throws FilesystemError `unsupported` */
export function assertVersion(major: number, minor: number): void {
  if (major === 3 || (major === 1 && minor >= 1)) return
  throw unsupported(`NTFS of version ${major}.${minor} is not read; 1.1 to 3.1 are.`)
}
