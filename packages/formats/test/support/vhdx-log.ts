import { currentHeader, guidBytes, readGuid, regionAt, sealStructure } from './vhdx-image.js'

/** A change that a log entry makes: a sector of 4 KiB, or a stretch of zeros. */
export type LogChange =
  | { readonly at: number; readonly bytes: Uint8Array }
  | { readonly at: number; readonly zeros: number }

/** An entry to write into the log ([MS-VHDX] 2.3.1). */
export interface LogEntrySpec {
  /** Sector of the log at which it begins; it goes round the end. */
  readonly sector: number
  readonly sequence: bigint
  /** Sector at which its sequence begins. */
  readonly tail: number
  readonly changes: readonly LogChange[]
  readonly flushedBytes?: number
  readonly lastBytes?: number
  readonly logId?: string
}

const sectorBytes = 4096

/** The log that vectors have. */
const vectorLogId = 'a1b2c3d4-e5f6-4718-92a3-b4c5d6e7f809'

/** Marks the log of a file as not empty, as a writer does that is about to use it: the other header becomes current. */
export function setLogId(bytes: Uint8Array, logId = vectorLogId): void {
  const from = currentHeader(bytes)
  const to = from === 64 * 1024 ? 128 * 1024 : 64 * 1024
  bytes.copyWithin(to, from, from + 4096)
  const header = new DataView(bytes.buffer, bytes.byteOffset + to, 4096)
  header.setBigUint64(8, header.getBigUint64(8, true) + 1n, true)
  bytes.set(guidBytes(logId), to + 48)
  sealStructure(bytes, to, 4096)
}

/** Writes an entry into the log of a file. */
export function writeLogEntry(bytes: Uint8Array, spec: LogEntrySpec): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset + currentHeader(bytes), 4096)
  const [logAt, logBytes] = [Number(header.getBigUint64(72, true)), header.getUint32(68, true)]
  const entry = encodeLogEntry(spec, bytes.byteLength)
  for (let at = 0; at < entry.byteLength; at += sectorBytes)
    bytes.set(entry.subarray(at, at + sectorBytes), logAt + ((spec.sector * sectorBytes + at) % logBytes))
}

/** Encodes an entry: header, descriptors, then a sector for each change that has bytes. */
function encodeLogEntry(
  { sequence, tail, changes, flushedBytes, lastBytes, logId = vectorLogId }: LogEntrySpec,
  fileBytes: number,
): Uint8Array {
  const descriptorSectors = Math.ceil((64 + 32 * changes.length) / sectorBytes)
  const dataCount = changes.filter((change) => 'bytes' in change).length
  const entry = new Uint8Array((descriptorSectors + dataCount) * sectorBytes)
  const view = new DataView(entry.buffer)
  const put = (at: number, text: string) =>
    entry.set(
      Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
      at,
    )
  put(0, 'loge')
  view.setUint32(8, entry.byteLength, true)
  view.setUint32(12, tail * sectorBytes, true)
  view.setBigUint64(16, sequence, true)
  view.setUint32(24, changes.length, true)
  entry.set(guidBytes(logId), 32)
  view.setBigUint64(48, BigInt(flushedBytes ?? fileBytes), true)
  view.setBigUint64(56, BigInt(lastBytes ?? fileBytes), true)
  let data = descriptorSectors * sectorBytes
  for (const [index, change] of changes.entries()) {
    const at = 64 + 32 * index
    view.setBigUint64(at + 16, BigInt(change.at), true)
    view.setBigUint64(at + 24, sequence, true)
    if ('zeros' in change) {
      put(at, 'zero')
      view.setBigUint64(at + 8, BigInt(change.zeros), true)
      continue
    }
    put(at, 'desc')
    entry.set(change.bytes.subarray(4092, 4096), at + 4)
    entry.set(change.bytes.subarray(0, 8), at + 8)
    put(data, 'data')
    view.setUint32(data + 4, Number(sequence >> 32n), true)
    entry.set(change.bytes.subarray(8, 4092), data + 8)
    view.setUint32(data + 4092, Number(sequence & 0xffff_ffffn), true)
    data += sectorBytes
  }
  sealStructure(entry, 0, entry.byteLength)
  return entry
}

/** The id that the newest entry in a log carries, whether or not the header still names it. */
export function newestLogId(bytes: Uint8Array): string {
  const header = new DataView(bytes.buffer, bytes.byteOffset + currentHeader(bytes), 4096)
  const [logAt, logBytes] = [Number(header.getBigUint64(72, true)), header.getUint32(68, true)]
  let newest = { sequence: -1n, at: -1 }
  for (let at = logAt; at < logAt + logBytes; at += sectorBytes) {
    if (String.fromCharCode(...bytes.subarray(at, at + 4)) !== 'loge') continue
    const sequence = new DataView(bytes.buffer, bytes.byteOffset + at).getBigUint64(16, true)
    if (sequence > newest.sequence) newest = { sequence, at }
  }
  return readGuid(bytes, newest.at + 32)
}

/** Moves the first sector of the block allocation table into an entry of the log: lost unless the log is replayed. */
export function dirtyVhdx(clean: Uint8Array): Uint8Array {
  const bytes = clean.slice()
  const batAt = regionAt(bytes, 'bat')
  const table = bytes.slice(batAt, batAt + sectorBytes)
  bytes.fill(0, batAt, batAt + sectorBytes)
  setLogId(bytes)
  writeLogEntry(bytes, { sector: 0, sequence: 7n, tail: 0, changes: [{ at: batAt, bytes: table }] })
  return bytes
}

/**
 * As above, with what a long life leaves in a log: an older sequence with other updates, entries that overwrite each
 * other, zeros over what an earlier one wrote, sequence numbers past 32 bits, and an entry that goes round the end.
 */
export function dirtyVhdxOldLog(clean: Uint8Array): Uint8Array {
  const { bytes, batAt, table, wrong } = loseTable(clean)
  const newest = 2n ** 32n - 1n
  writeLogEntry(bytes, { sector: 100, sequence: 40n, tail: 100, changes: [{ at: batAt, bytes: wrong }] })
  const first = ringSectors - 6
  writeLogEntry(bytes, {
    sector: first,
    sequence: newest,
    tail: first,
    changes: [
      { at: batAt, bytes: wrong },
      { at: batAt + sectorBytes, bytes: wrong },
    ],
  })
  writeLogEntry(bytes, {
    sector: first + 3,
    sequence: newest + 1n,
    tail: first,
    changes: [{ at: batAt + sectorBytes, zeros: 3 * sectorBytes }],
  })
  writeLogEntry(bytes, {
    sector: first + 4,
    sequence: newest + 2n,
    tail: first,
    changes: [
      { at: batAt, bytes: table },
      { at: batAt + 4 * sectorBytes, bytes: new Uint8Array(sectorBytes) },
    ],
  })
  return bytes
}

/** As above, but the last entry begins anew at the start of the ring: only its tail tells that it is not the first one. */
export function dirtyVhdxRoundTheEnd(clean: Uint8Array): Uint8Array {
  const { bytes, batAt, table } = loseTable(clean)
  const first = ringSectors - 2
  writeLogEntry(bytes, { sector: first, sequence: 70n, tail: first, changes: [{ at: batAt, bytes: table }] })
  writeLogEntry(bytes, {
    sector: 0,
    sequence: 71n,
    tail: first,
    changes: [{ at: batAt + sectorBytes, zeros: 3 * sectorBytes }],
  })
  return bytes
}

/** Sectors of a log of a mebibyte. */
const ringSectors = 256

function loseTable(clean: Uint8Array) {
  const bytes = clean.slice()
  const batAt = regionAt(bytes, 'bat')
  const table = bytes.slice(batAt, batAt + sectorBytes)
  const wrong = new Uint8Array(sectorBytes).fill(0xee)
  bytes.fill(0xdd, batAt, batAt + 2 * sectorBytes)
  setLogId(bytes)
  return { bytes, batAt, table, wrong }
}
