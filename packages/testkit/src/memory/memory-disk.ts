import type { Extent } from '@holdfast/core'
import { type DiskImage, mergeExtents } from '../images/disk-image.js'

const pageBytes = 4096

interface Page {
  readonly bytes: Uint8Array
  /** Generation of the disk in which the page was written last. */
  readonly generation: number
}

/** The state of a memory disk at one moment; later writes do not reach it. */
export interface MemoryDiskView {
  readonly epoch: number
  readonly generation: number
  readonly image: DiskImage
  /** Yields the extents written after the end of an earlier generation. */
  readonly changedSince: (generation: number) => Iterable<Extent>
}

/** A disk held in memory as an image and the pages written over it. */
export interface MemoryDisk {
  readonly sizeBytes: number
  readonly write: (offset: number, bytes: Uint8Array) => void
  /** Fixes the state now and starts a new generation. */
  readonly take: () => MemoryDiskView
  /** The state now, without a new generation. */
  readonly peek: () => MemoryDiskView
  /** Forgets what changed when, as a migration or a crash of the hypervisor does. */
  readonly resetTracking: () => void
}

/** Makes a memory disk that starts as `base`. */
export function memoryDisk(base: DiskImage): MemoryDisk {
  let pages = new Map<number, Page>()
  let generation = 1
  let epoch = 1
  const peek = (): MemoryDiskView => {
    const frozen = pages
    return {
      epoch,
      generation,
      image: overlaid(base, frozen),
      changedSince: (since) => mergeExtents(changedPages(base.sizeBytes, frozen, since)),
    }
  }
  return {
    sizeBytes: base.sizeBytes,
    peek,
    take: () => {
      const view = peek()
      generation++
      return view
    },
    resetTracking: () => {
      epoch++
    },
    write: (offset, bytes) => {
      if (offset < 0 || offset + bytes.length > base.sizeBytes) throw new RangeError('The write leaves the disk.')
      const before = overlaid(base, pages)
      // Views hold the old map, so writing replaces it and every page that it touches.
      const next = new Map(pages)
      for (let number = Math.floor(offset / pageBytes); number * pageBytes < offset + bytes.length; number++) {
        const start = number * pageBytes
        const page = new Uint8Array(Math.min(pageBytes, base.sizeBytes - start))
        before.fillRange(start, page)
        const from = Math.max(offset, start)
        page.set(bytes.subarray(from - offset, start + page.length - offset), from - start)
        next.set(number, { bytes: page, generation })
      }
      pages = next
    },
  }
}

function overlaid(base: DiskImage, pages: ReadonlyMap<number, Page>): DiskImage {
  return {
    sizeBytes: base.sizeBytes,
    fillRange: (offset, into) => {
      base.fillRange(offset, into)
      const end = offset + into.length
      for (let number = Math.floor(offset / pageBytes); number * pageBytes < end; number++) {
        const page = pages.get(number)
        if (page === undefined) continue
        const from = Math.max(offset, number * pageBytes)
        into.set(page.bytes.subarray(from - number * pageBytes, end - number * pageBytes), from - offset)
      }
    },
    extents: () => mergeExtents(overlaidExtents(base, pages)),
  }
}

function* overlaidExtents(base: DiskImage, pages: ReadonlyMap<number, Page>): Generator<Extent> {
  const written = [...pages.keys()].sort((a, b) => a - b)
  let next = 0
  for (const extent of base.extents()) {
    const end = extent.offset + extent.length
    let at = extent.offset
    while (at < end) {
      while (next < written.length && ((written[next] ?? 0) + 1) * pageBytes <= at) next++
      const page = written[next]
      const pageStart = page === undefined ? end : Math.min(end, page * pageBytes)
      if (at < pageStart) {
        yield { ...extent, offset: at, length: pageStart - at }
        at = pageStart
        continue
      }
      const pageEnd = Math.min(end, ((page ?? 0) + 1) * pageBytes)
      yield { offset: at, length: pageEnd - at, kind: 'data' }
      at = pageEnd
    }
  }
}

function* changedPages(sizeBytes: number, pages: ReadonlyMap<number, Page>, since: number): Generator<Extent> {
  for (const [number, page] of [...pages].sort(([a], [b]) => a - b)) {
    if (page.generation <= since) continue
    const kind = page.bytes.every((byte) => byte === 0) ? 'zero' : 'data'
    yield { offset: number * pageBytes, length: Math.min(pageBytes, sizeBytes - number * pageBytes), kind }
  }
}
