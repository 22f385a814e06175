/** The Castagnoli polynomial, bits reversed (RFC 3720, appendix B.4). */
const polynomial = 0x82f6_3b78

/** Bytes that one step takes in, each through a table of its own. */
const sliceBytes = 8

const tables = makeTables()

/**
 * Computes the CRC-32C of bytes, eight at a step.
 *
 * @param earlier the CRC of what came before, to go on from
 */
export function crc32c(bytes: Uint8Array, earlier = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let crc = ~earlier
  let at = 0
  for (; at + sliceBytes <= bytes.byteLength; at += sliceBytes) {
    const low = crc ^ view.getUint32(at, true)
    const high = view.getUint32(at + 4, true)
    crc =
      look(7, low) ^
      look(6, low >>> 8) ^
      look(5, low >>> 16) ^
      look(4, low >>> 24) ^
      look(3, high) ^
      look(2, high >>> 8) ^
      look(1, high >>> 16) ^
      look(0, high >>> 24)
  }
  for (; at < bytes.byteLength; at++) crc = look(0, crc ^ view.getUint8(at)) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Byte of a structure at which its checksum lies: the same in headers, region tables and log entries. */
export const checksumAt = 4
const checksumBytes = 4
const zeroChecksum = new Uint8Array(checksumBytes)

/** Computes the checksum of a structure (2.2.2, 2.2.3.1, 2.3.1.1): its CRC-32C with the checksum itself taken as zero. */
export function structureChecksum(bytes: Uint8Array): number {
  const before = crc32c(bytes.subarray(0, checksumAt))
  return crc32c(bytes.subarray(checksumAt + checksumBytes), crc32c(zeroChecksum, before))
}

/** What a byte becomes when `depth` more bytes follow it in the same step. */
function look(depth: number, value: number): number {
  return tables[depth * 256 + (value & 0xff)] ?? 0
}

function makeTables(): Uint32Array {
  const made = new Uint32Array(sliceBytes * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : polynomial)
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const shorter = made[at - 256] ?? 0
    made[at] = (shorter >>> 8) ^ (made[shorter & 0xff] ?? 0)
  }
  return made
}
