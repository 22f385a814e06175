import type { AscendingUnits } from '../image/ascending-units.js'
import { readBacking, tableSpans, type WriterParts } from './cluster-writer.js'
import { setEntry, zeroEntry } from './new-entry.js'
import type { Qcow2Backing } from './writer-options.js'

/**
 * Makes units hide a backing disk where they were written, and show it in the rest of what they cover.
 *
 * Units of zeros are never handed on, so every unit that is touched is first marked as zero.
 */
export function childUnits(
  units: AscendingUnits,
  { options, sizes, tables }: WriterParts,
  backing: Qcow2Backing,
): AscendingUnits {
  const { sizeBytes } = options
  const { clusterBytes } = sizes
  let position = 0
  const unitStart = (offset: number) => offset - (offset % clusterBytes)
  const unitEnd = (offset: number) => Math.min(sizeBytes, Math.ceil(offset / clusterBytes) * clusterBytes)

  const markZero = async (from: number, to: number) => {
    for (const span of tableSpans(unitStart(from), unitEnd(to) - unitStart(from), sizes))
      await tables.change(span.index, (table) => {
        for (let at = span.from; at < span.to; at += clusterBytes)
          setEntry(table, (at - span.first) / clusterBytes, zeroEntry)
      })
  }

  const copyBacking = async (from: number, to: number) => {
    if (from >= to) return
    const bytes = new Uint8Array(to - from)
    await readBacking(backing, from, bytes)
    await units.write(from, bytes)
  }

  /** Completes the unit that was begun, and begins that of `target`, up to there. */
  const moveTo = async (target: number) => {
    const begun = Math.min(target, unitEnd(position))
    await copyBacking(position, begun)
    await copyBacking(Math.max(begun, unitStart(target)), target)
  }

  const write = async (offset: number, bytes: Uint8Array) => {
    if (bytes.byteLength === 0) return
    // Let it complain of the order before anything is done.
    if (offset < position) return units.write(offset, bytes)
    await moveTo(offset)
    await markZero(offset, offset + bytes.byteLength)
    await units.write(offset, bytes)
    position = offset + bytes.byteLength
  }

  return {
    write,
    zero: async (offset, length) => {
      const end = offset + length
      const head = Math.min(end, unitEnd(offset))
      const tail = end === sizeBytes ? end : Math.max(head, unitStart(end))
      if (head > offset) await write(offset, new Uint8Array(head - offset))
      if (tail > head) {
        await moveTo(head)
        await units.zero(head, tail - head)
        await markZero(head, tail)
        position = tail
      }
      if (end > tail) await write(tail, new Uint8Array(end - tail))
    },
    flush: units.flush,
    finish: async () => {
      await moveTo(unitEnd(position))
      await units.finish()
    },
  }
}
