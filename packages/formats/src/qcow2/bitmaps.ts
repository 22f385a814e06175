import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import { tableBudget } from '../bytes/table-budget.js'
import { corrupt } from '../image/image-error.js'
import type { ImageBitmap } from '../image/layer.js'
import { type BitmapEntry, bitmapTableEntryBytes } from './bitmap-directory.js'
import { pagedTable } from './cluster-tables.js'
import type { Qcow2Header } from './header.js'

/**
 * Makes the bitmaps of an image.
 *
 * `usable` says whether unset bits prove that nothing changed: it was saved after the last write (not `in_use`), it
 * recorded up to that (`auto`), and it has no extra data that forbids its use (spec: Bitmap directory, flags).
 */
export function imageBitmaps(
  file: NamedSource,
  header: Qcow2Header,
  entries: readonly BitmapEntry[],
): readonly ImageBitmap[] {
  return entries.map((entry) => ({
    name: entry.name,
    granularityBytes: entry.granularityBytes,
    usable: !entry.inUse && entry.enabled && !entry.unknownData,
    dirty: () => dirtyRanges(file, header, entry),
  }))
}

/** What an entry of a bitmap table says (spec: Bitmap table). */
type BitmapTableEntry =
  | { readonly kind: 'clean' }
  | { readonly kind: 'dirty' }
  | { readonly kind: 'stored'; readonly at: number }
  | { readonly kind: 'broken'; readonly why: string }

const reservedHigh = 0xff00_0000
const reservedLow = 0x0000_01fe
const allOnesLow = 1

/** Understands an entry from its two halves. */
function bitmapTableEntry(high: number, low: number, clusterBytes: number, fileBytes: number): BitmapTableEntry {
  if ((high & reservedHigh) !== 0 || (low & reservedLow) !== 0) return { kind: 'broken', why: 'has reserved bits set' }
  const allOnes = (low & allOnesLow) !== 0
  const at = high * 2 ** 32 + (low - (low & allOnesLow))
  if (at === 0) return { kind: allOnes ? 'dirty' : 'clean' }
  if (allOnes) return { kind: 'broken', why: 'has a flag set that belongs to entries without a place' }
  if (at % clusterBytes !== 0) return { kind: 'broken', why: `leads to ${at}, where no cluster begins` }
  if (at > fileBytes - clusterBytes) return { kind: 'broken', why: `leads to ${at}, past the end of the file` }
  return { kind: 'stored', at }
}

/** Yields the dirty stretches of the disk in ascending order, joined. */
async function* dirtyRanges(
  file: NamedSource,
  { geometry: { clusterBytes }, sizeBytes }: Qcow2Header,
  { table, granularityBytes, name }: BitmapEntry,
): AsyncGenerator<ByteRange, void, undefined> {
  const visit = tableBudget(file, clusterBytes, `the bitmap ${name}`)
  const bitsPerCluster = clusterBytes * 8
  const bits = Math.ceil(sizeBytes / granularityBytes)
  let held: { readonly from: number; readonly to: number } | undefined
  const range = (from: number, to: number): ByteRange => {
    const offset = from * granularityBytes
    return { offset, length: Math.min(sizeBytes, to * granularityBytes) - offset }
  }
  for await (const { index, entry } of tableEntries(file, table, clusterBytes)) {
    const first = index * bitsPerCluster
    if (first >= bits) break
    if (entry.kind === 'broken')
      throw corrupt(`entry ${index} of the table of bitmap ${name} ${entry.why}`, file.name, table.offset + index * 8)
    if (entry.kind === 'clean') continue
    if (entry.kind === 'stored') visit()
    const set =
      entry.kind === 'dirty'
        ? [{ from: 0, to: bitsPerCluster }]
        : setBits(await readPart(file, entry.at, clusterBytes, `bits of the bitmap ${name}`))
    for (const { from, to } of set) {
      const next = { from: first + from, to: Math.min(bits, first + to) }
      if (next.from >= bits) break
      if (held?.to === next.from) held = { from: held.from, to: next.to }
      else {
        if (held !== undefined) yield range(held.from, held.to)
        held = next
      }
    }
  }
  if (held !== undefined) yield range(held.from, held.to)
}

/** Yields the entries of a bitmap table in order, but for those of zeros. */
export async function* tableEntries(
  file: NamedSource,
  table: BitmapEntry['table'],
  clusterBytes: number,
): AsyncGenerator<{ readonly index: number; readonly entry: BitmapTableEntry }, void, undefined> {
  const pages = pagedTable(file, { ...table, what: 'a bitmap table' })
  for (let index = 0; index < table.entries; ) {
    const { fields: page, first, end } = await pages.partOf(index)
    for (; index < end; index++) {
      const place = (index - first) * bitmapTableEntryBytes
      const [high, low] = [page.u32(place), page.u32(place + 4)]
      if (high === 0 && low === 0) continue
      yield { index, entry: bitmapTableEntry(high, low, clusterBytes, file.source.sizeBytes) }
    }
  }
}

/** Yields the stretches of bits that are set; bit 0 is the lowest of the first byte (spec: Bitmap data). */
function* setBits(bytes: Uint8Array): Generator<{ readonly from: number; readonly to: number }, void, undefined> {
  let from: number | undefined
  for (let at = 0; at < bytes.byteLength; at++) {
    const byte = bytes[at] ?? 0
    // Whole bytes that go on with what came before are by far the most.
    if (byte === (from === undefined ? 0 : 0xff)) continue
    for (let bit = 0; bit < 8; bit++) {
      const isSet = ((byte >> bit) & 1) === 1
      if (isSet) from ??= at * 8 + bit
      else if (from !== undefined) {
        yield { from, to: at * 8 + bit }
        from = undefined
      }
    }
  }
  if (from !== undefined) yield { from, to: bytes.byteLength * 8 }
}
