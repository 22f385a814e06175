import type { NamedSource } from '../bytes/byte-source.js'
import { assertWithin } from '../bytes/read-part.js'
import type { Run } from '../image/layer.js'
import type { Extent } from './extent.js'
import { sectorBytes } from './sectors.js'

/** An extent of zeros, without a file. */
export function zeroExtent(sectors: number): Extent {
  return {
    sizeBytes: sectors * sectorBytes,
    details: {},
    runs: async function* (offset, length) {
      yield { kind: 'zero', offset, length }
    },
    problems: async function* () {},
  }
}

/**
 * An extent of bytes as they are (5.0, "Simple Extents").
 *
 * Holes of the file read as zeros, not as the parent's bytes. @throws ImageError `corrupt` when the file is too short
 */
export function flatExtent(file: NamedSource, startSector: number, sectors: number): Extent {
  const [start, sizeBytes] = [startSector * sectorBytes, sectors * sectorBytes]
  assertWithin(start, sizeBytes, file, 'the extent')
  return {
    sizeBytes,
    details: {},
    runs: (offset, length) => flatRuns(file, start, offset, length),
    problems: async function* () {},
  }
}

async function* flatRuns(
  { source }: NamedSource,
  start: number,
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  const range = { offset: start + offset, length }
  let at = offset
  for await (const data of source.dataRanges?.(range) ?? [range]) {
    const from = data.offset - start
    if (from > at) yield { kind: 'zero', offset: at, length: from - at }
    yield { kind: 'stored', offset: from, length: data.length, source, at: data.offset }
    at = from + data.length
  }
  if (at < offset + length) yield { kind: 'zero', offset: at, length: offset + length - at }
}
