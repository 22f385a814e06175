import { crc32c } from '../bytes/crc32c.js'
import { damaged, type Place } from '../filesystem-error.js'

const checksumBytes = 4
const zeroChecksum = new Uint8Array(checksumBytes)

/** Computes the checksum of a structure of version 5: its CRC-32C with the checksum itself taken as zero. */
export function structureChecksum(bytes: Uint8Array, checksumAt: number): number {
  const before = crc32c(crc32c(0xffff_ffff, bytes.subarray(0, checksumAt)), zeroChecksum)
  return ~crc32c(before, bytes.subarray(checksumAt + checksumBytes)) >>> 0
}

/** Checks the one field that is stored the other way round. @throws FilesystemError `damaged` */
export function assertChecksum(bytes: Uint8Array, checksumAt: number, what: string, place: Place): void {
  const stored = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(checksumAt, true)
  if (stored !== structureChecksum(bytes, checksumAt)) throw damaged(`${what} does not fit its checksum`, place)
}
