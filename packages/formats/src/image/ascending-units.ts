import { assertInDisk } from './assert-in-disk.js'
import { ImageError } from './image-error.js'
import { isZero } from './is-zero.js'

/** What becomes of the units of a disk that is written from its start to its end. */
export interface AscendingUnitsOptions<T> {
  readonly sizeBytes: number
  readonly unitBytes: number
  /** Compresses a unit; several run at once. `bytes` is the function's own; the last unit is padded with zeros. */
  readonly encode: (bytes: Uint8Array) => Promise<T>
  /** Takes an encoded unit: in ascending order, one after another. Units of zeros are left out. */
  readonly append: (index: number, encoded: T) => Promise<void>
}

/** The writing functions of a format whose units cannot be changed once they are written. */
export interface AscendingUnits {
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  readonly zero: (offset: number, length: number) => Promise<void>
  /** Waits until every whole unit was taken. */
  readonly flush: () => Promise<void>
  /** Hands over the last unit, whole or not, and waits until every unit was taken. */
  readonly finish: () => Promise<void>
}

/** Units that are compressed or wait at once: more than a machine has threads for zlib. */
const unitsAtOnce = 16

/** Gathers ascending writes to whole units and compresses several at once. */
export function ascendingUnits<T>({ sizeBytes, unitBytes, encode, append }: AscendingUnitsOptions<T>): AscendingUnits {
  let position = 0
  let unit: { readonly index: number; readonly bytes: Uint8Array } | undefined
  const waiting: Promise<void>[] = []
  let last = Promise.resolve()

  const hand = async () => {
    if (unit === undefined) return
    const { index, bytes } = unit
    unit = undefined
    if (isZero(bytes)) return
    const encoded = encode(bytes)
    const earlier = last
    last = (async () => {
      // Both are awaited even when one fails, so that no failure goes unheard.
      const [, outcome] = await Promise.all([earlier, encoded])
      await append(index, outcome)
    })()
    // Heard when it is waited for.
    last.catch(() => {})
    waiting.push(last)
    if (waiting.length >= unitsAtOnce) await waiting.shift()
  }

  const forward = async (offset: number, length: number) => {
    assertInDisk(offset, length, sizeBytes)
    if (offset < position)
      throw new ImageError(
        'order',
        `Byte ${offset} comes after ${position}: this kind of image is written in ascending order`,
      )
    position = offset + length
    if (unit !== undefined && offset >= (unit.index + 1) * unitBytes) await hand()
  }

  return {
    write: async (offset, bytes) => {
      await forward(offset, bytes.byteLength)
      for (let at = 0; at < bytes.byteLength; ) {
        const index = Math.floor((offset + at) / unitBytes)
        const within = (offset + at) % unitBytes
        const part = bytes.subarray(at, at + unitBytes - within)
        unit ??= { index, bytes: new Uint8Array(unitBytes) }
        unit.bytes.set(part, within)
        at += part.byteLength
        if (within + part.byteLength === unitBytes) await hand()
      }
    },
    zero: forward,
    flush: async () => {
      waiting.length = 0
      await last
    },
    finish: async () => {
      await hand()
      waiting.length = 0
      await last
    },
  }
}
