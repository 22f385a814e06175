import type { CallOptions } from '../contract/context.js'
import type { Extent } from '../model/extent.js'
import { blockBytes, regionBytes } from '../repository/chunk-cutter.js'
import { type DiskChunk, isZeroId, leafSpan, leafSpanBytes, zeroId } from '../repository/disk-tree-format.js'

/** A range of a disk that must be read and cut anew. Starts and ends at chunk borders of the tree before. */
export interface Piece {
  readonly offset: number
  readonly length: number
}

/** What is to do for one leaf of a disk's tree. */
export interface LeafWork {
  readonly leaf: number
  /** The leaf before, for each lane. */
  readonly bases: readonly (readonly DiskChunk[])[]
  readonly pieces: readonly Piece[]
  /** Ranges that became zero as a whole. */
  readonly zeroed: readonly Piece[]
}

/** Gaps smaller than this are read along: a request costs more than their bytes. */
const joinGapBytes = 65_536

/**
 * Turns extents into work, leaf by leaf in ascending order; untouched leaves do not appear.
 *
 * A full capture is an incremental over a blank disk: one rule for both. `readBase` gives each lane's leaf as it was.
 */
export async function* leafWorks(
  sizeBytes: number,
  extents: AsyncIterable<Extent>,
  readBases: (leaf: number, options: CallOptions) => Promise<readonly (readonly DiskChunk[])[]>,
  options: CallOptions,
): AsyncGenerator<LeafWork> {
  for await (const { leaf, parts } of byLeaf(sizeBytes, extents)) {
    const bases = await readBases(leaf, options)
    const work = leafWork(leaf, leafSpan(sizeBytes, leaf), parts, bases)
    if (work.pieces.length + work.zeroed.length > 0) yield work
  }
}

/** Plans one leaf. Lanes whose chunk borders differ are all served by reading whole regions. */
function leafWork(
  leaf: number,
  spanBytes: number,
  parts: readonly Extent[],
  bases: readonly (readonly DiskChunk[])[],
): LeafWork {
  const start = leaf * leafSpanBytes
  const [first, ...others] = bases.map((base) => touchedBy(parts, base, start))
  if (first === undefined) return { leaf, bases, pieces: [], zeroed: [] }
  if (others.every((other) => samePlan(first, other))) return { leaf, bases, ...first }
  const touched = [first, ...others].flatMap((plan) => [...plan.pieces, ...plan.zeroed])
  const regions = [...new Set(touched.flatMap((piece) => regionsOf(piece)))].sort((a, b) => a - b)
  const pieces = regions.map((offset) => ({ offset, length: Math.min(regionBytes, start + spanBytes - offset) }))
  return { leaf, bases, pieces, zeroed: [] }
}

/** Replaces the chunks of the given ranges; ranges start and end at chunk borders or inside zero runs. */
export function spliceLeaf(
  base: readonly DiskChunk[],
  leafOffset: number,
  edits: readonly { readonly offset: number; readonly length: number; readonly chunks: readonly DiskChunk[] }[],
): readonly DiskChunk[] {
  const result: DiskChunk[] = []
  let at = leafOffset
  const queue = [...edits].sort((a, b) => a.offset - b.offset)
  let edit = queue.shift()
  for (const chunk of base) {
    const end = at + chunk.length
    let from = at
    while (edit !== undefined && edit.offset < end) {
      const gap = edit.offset - from
      if (gap > 0) result.push(part(chunk, gap))
      if (edit.offset >= at) result.push(...edit.chunks)
      from = Math.max(from, Math.min(end, edit.offset + edit.length))
      if (edit.offset + edit.length > end) break
      edit = queue.shift()
    }
    if (from < end) result.push(from === at ? chunk : part(chunk, end - from))
    at = end
  }
  return result
}

function part(chunk: DiskChunk, length: number): DiskChunk {
  if (length !== chunk.length && !isZeroId(chunk.id)) throw new RangeError('a range of a disk would split a chunk')
  return { id: chunk.id, length }
}

interface Plan {
  readonly pieces: readonly Piece[]
  readonly zeroed: readonly Piece[]
}

function touchedBy(parts: readonly Extent[], base: readonly DiskChunk[], start: number): Plan {
  const read: Piece[] = []
  const zeroed: Piece[] = []
  let at = start
  let next = 0
  for (const chunk of base) {
    const end = at + chunk.length
    while (next < parts.length && endOf(parts[next]) <= at) next++
    const touching: Extent[] = []
    for (let i = next; i < parts.length && (parts[i]?.offset ?? end) < end; i++) {
      const extent = parts[i]
      if (extent !== undefined) touching.push(extent)
    }
    if (isZeroId(chunk.id)) {
      for (const extent of touching) {
        if (extent.kind !== 'data') continue
        const from = Math.max(at, Math.floor(extent.offset / blockBytes) * blockBytes)
        const to = Math.min(end, Math.ceil(endOf(extent) / blockBytes) * blockBytes)
        read.push({ offset: from, length: to - from })
      }
    } else if (touching.length > 0) {
      const covered = touching.reduce(
        (sum, e) => sum + (e.kind === 'data' ? 0 : Math.min(end, endOf(e)) - Math.max(at, e.offset)),
        0,
      )
      const piece = { offset: at, length: chunk.length }
      if (covered === chunk.length) zeroed.push(piece)
      else read.push(piece)
    }
    at = end
  }
  return { pieces: joinPieces(read, base, start), zeroed }
}

/** Joins neighbours, never across a region border, and across small gaps only where nothing but zeros lies between. */
function joinPieces(pieces: readonly Piece[], base: readonly DiskChunk[], start: number): readonly Piece[] {
  const zeroRuns: Piece[] = []
  let at = start
  for (const chunk of base) {
    if (isZeroId(chunk.id)) zeroRuns.push({ offset: at, length: chunk.length })
    at += chunk.length
  }
  const isZeroGap = (from: number, to: number) =>
    from >= to || zeroRuns.some((run) => run.offset <= from && run.offset + run.length >= to)
  const joined: Piece[] = []
  for (const piece of pieces.flatMap(splitAtRegions)) {
    const last = joined[joined.length - 1]
    const lastEnd = last === undefined ? 0 : last.offset + last.length
    const sameRegion =
      last !== undefined && Math.floor(last.offset / regionBytes) === Math.floor(piece.offset / regionBytes)
    if (last !== undefined && sameRegion && piece.offset - lastEnd < joinGapBytes && isZeroGap(lastEnd, piece.offset)) {
      joined[joined.length - 1] = {
        offset: last.offset,
        length: Math.max(lastEnd, piece.offset + piece.length) - last.offset,
      }
    } else joined.push(piece)
  }
  return joined
}

function splitAtRegions(piece: Piece): readonly Piece[] {
  const parts: Piece[] = []
  for (let from = piece.offset; from < piece.offset + piece.length; ) {
    const to = Math.min(piece.offset + piece.length, (Math.floor(from / regionBytes) + 1) * regionBytes)
    parts.push({ offset: from, length: to - from })
    from = to
  }
  return parts
}

function regionsOf(piece: Piece): readonly number[] {
  const regions: number[] = []
  for (
    let at = Math.floor(piece.offset / regionBytes) * regionBytes;
    at < piece.offset + piece.length;
    at += regionBytes
  )
    regions.push(at)
  return regions
}

function samePlan(a: Plan, b: Plan): boolean {
  const same = (x: readonly Piece[], y: readonly Piece[]) =>
    x.length === y.length && x.every((piece, i) => piece.offset === y[i]?.offset && piece.length === y[i]?.length)
  return same(a.pieces, b.pieces) && same(a.zeroed, b.zeroed)
}

/** Cuts extents at leaf borders and groups them. */
async function* byLeaf(
  sizeBytes: number,
  extents: AsyncIterable<Extent>,
): AsyncGenerator<{ readonly leaf: number; readonly parts: readonly Extent[] }> {
  let leaf = -1
  let parts: Extent[] = []
  for await (const extent of extents) {
    for (let from = extent.offset; from < Math.min(endOf(extent), sizeBytes); ) {
      const index = Math.floor(from / leafSpanBytes)
      const to = Math.min(endOf(extent), sizeBytes, (index + 1) * leafSpanBytes)
      if (index !== leaf) {
        if (parts.length > 0) yield { leaf, parts }
        leaf = index
        parts = []
      }
      parts.push({ offset: from, length: to - from, kind: extent.kind })
      from = to
    }
  }
  if (parts.length > 0) yield { leaf, parts }
}

function endOf(extent: Extent | undefined): number {
  return extent === undefined ? 0 : extent.offset + extent.length
}

/** A leaf of nothing but zeros. */
export function blankLeaf(spanBytes: number): readonly DiskChunk[] {
  return [{ id: zeroId, length: spanBytes }]
}
