import { broken, IscsiError } from '../iscsi-error.js'
import { headerBytes } from './constants.js'
import { crc32c } from './crc32c.js'
import { additionalHeaderBytes, paddingBytes, segmentBytes, viewOf } from './header.js'

/** What becomes of the bytes. */
export interface PduEvents {
  /** Says where the data segment is to be put, which must be as long as it is. What it throws ends the reader. */
  readonly onHeader: (header: Uint8Array, dataBytes: number) => Uint8Array
  /** A PDU is complete, its digests are right. What it throws ends the reader. */
  readonly onPdu: (header: Uint8Array, data: Uint8Array) => void
  /** The reader is over. Called at most once. */
  readonly onFailure: (error: unknown) => void
}

/** Which of the digests are in use. RFC 7143, 13.1. */
export interface Digests {
  readonly header: boolean
  readonly data: boolean
}

/** Cuts a stream into PDUs, in little memory. A socket that fills buffers uses `target` and `filled`, one that has chunks `push`. */
export interface PduReader {
  /** Returns where the next bytes are to be put; never empty. */
  readonly target: () => Uint8Array
  /** Takes note that the start of the last target was filled. */
  readonly filled: (countBytes: number) => void
  readonly push: (bytes: Uint8Array) => void
  /** Holds from the next PDU on. */
  readonly useDigests: (digests: Digests) => void
  /** Takes no more. */
  readonly stop: () => void
}

/** Room for the longest header with its additional segments, and for reading ahead. */
const stagingBytes = 16_384
const digestBytes = 4

/** Makes a reader of PDUs. */
export function createPduReader(events: PduEvents): PduReader {
  const staging = new Uint8Array(stagingBytes)
  let start = 0
  let end = 0
  let digests: Digests = { header: false, data: false }
  let isOver = false
  /** The PDU whose data segment is read, or what follows it. */
  let current: { readonly header: Uint8Array; readonly data: Uint8Array } | undefined
  let filledBytes = 0

  const have = () => end - start
  const take = (countBytes: number) => {
    start += countBytes
    return staging.subarray(start - countBytes, start)
  }

  function beginPdu(): boolean {
    if (have() < headerBytes) return false
    const longBytes = headerBytes + additionalHeaderBytes(staging.subarray(start, end))
    if (have() < longBytes + (digests.header ? digestBytes : 0)) return false
    const whole = take(longBytes)
    if (digests.header) mustMatch(crc32c(whole), take(digestBytes), 'header')
    const header = whole.slice(0, headerBytes)
    const dataBytes = segmentBytes(header)
    const data = events.onHeader(header, dataBytes)
    if (data.length !== dataBytes) throw new RangeError('The place for a data segment has another length.')
    current = { header, data }
    filledBytes = 0
    return true
  }

  function fillData({ data }: { readonly data: Uint8Array }): boolean {
    const moved = Math.min(have(), data.length - filledBytes)
    if (moved > 0) {
      data.set(take(moved), filledBytes)
      filledBytes += moved
    }
    return filledBytes === data.length
  }

  function finishPdu({ header, data }: { readonly header: Uint8Array; readonly data: Uint8Array }): boolean {
    const padding = paddingBytes(data.length)
    const hasDigest = digests.data && data.length > 0
    if (have() < padding + (hasDigest ? digestBytes : 0)) return false
    const pad = take(padding)
    if (hasDigest) mustMatch(crc32c(pad, crc32c(data)), take(digestBytes), 'data')
    current = undefined
    events.onPdu(header, data)
    return true
  }

  /** Goes on as far as the bytes at hand allow. */
  function run(): void {
    try {
      while (!isOver) {
        if (current === undefined && !beginPdu()) return
        if (isOver || current === undefined || !fillData(current) || !finishPdu(current)) return
      }
    } catch (error) {
      if (isOver) return
      isOver = true
      events.onFailure(error)
    }
  }

  function target(): Uint8Array {
    if (isOver) return staging
    if (current !== undefined && filledBytes < current.data.length)
      return filledBytes === 0 ? current.data : current.data.subarray(filledBytes)
    if (start === end) {
      start = 0
      end = 0
    } else if (start > 0) {
      staging.copyWithin(0, start, end)
      end -= start
      start = 0
    }
    return staging.subarray(end)
  }

  function filled(countBytes: number): void {
    if (isOver) return
    if (current !== undefined && filledBytes < current.data.length) filledBytes += countBytes
    else end += countBytes
    run()
  }

  return {
    target,
    filled,
    push: (bytes) => {
      for (let at = 0; at < bytes.length && !isOver; ) {
        const place = target()
        const count = Math.min(place.length, bytes.length - at)
        place.set(bytes.subarray(at, at + count))
        at += count
        filled(count)
      }
    },
    useDigests: (next) => {
      digests = next
    },
    stop: () => {
      isOver = true
    },
  }
}

function mustMatch(computed: number, sent: Uint8Array, part: 'header' | 'data'): void {
  // The one number of the protocol whose low byte comes first. RFC 7143, 13.1.
  if (viewOf(sent).getUint32(0, true) === computed) return
  throw new IscsiError('digest', `The CRC32C of a ${part} is wrong.`, {
    hint: 'The network, or something in it, changes bytes: look at cards, cables and switches.',
  })
}

/** A place for a data segment that no caller has a buffer for. @throws IscsiError `protocol` when it is too long */
export function boundedPlace(dataBytes: number, maxBytes: number): Uint8Array {
  if (dataBytes > maxBytes) throw broken(`A PDU has ${dataBytes} bytes of data, where ${maxBytes} are the most.`)
  return new Uint8Array(dataBytes)
}
