import { setImmediate } from 'node:timers/promises'
import type { CallOptions } from '../contract/context.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex, ChunkLocation, IndexedPack } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { diskChunks, type PlacedChunk, type ReadChunk } from '../repository/disk-tree-reader.js'
import { namingDisk } from './disk-damage.js'
import type { DiskFill } from './disk-fill.js'

/** What finding the places of chunks needs. */
export interface PlaceSearch {
  readonly fills: readonly DiskFill[]
  readonly index: ChunkIndex
  readonly readNode: ReadChunk
}

/** A pack that is needed. */
export interface PackNeed {
  readonly pack: IndexedPack
  /** Number of the first disk that needs it. */
  readonly disk: number
  /** Places where chunks of it go. */
  readonly places: number
}

/** What is needed in all. */
export interface PlaceCount {
  readonly packs: readonly PackNeed[]
  /** Bytes that each disk gets. */
  readonly diskBytes: readonly number[]
}

/** Walks the trees of all disks, and tells which packs they need and for how many places. */
export async function countPlaces(search: PlaceSearch, options: CallOptions): Promise<PlaceCount> {
  const packs = new Map<IndexedPack, { readonly pack: IndexedPack; readonly disk: number; places: number }>()
  const diskBytes = search.fills.map(() => 0)
  await visitPlaces(
    search,
    ({ length }, { packInfo: pack }, disk) => {
      const need = packs.get(pack)
      if (need === undefined) packs.set(pack, { pack, disk, places: 1 })
      else need.places++
      diskBytes[disk] = (diskBytes[disk] ?? 0) + length
    },
    options,
  )
  return { packs: [...packs.values()], diskBytes }
}

/** Cuts packs into groups of so many places at most; a pack is never cut. */
export function* packGroups(packs: readonly PackNeed[], placesAtOnce: number): Generator<readonly PackNeed[]> {
  let group: PackNeed[] = []
  let count = 0
  for (const need of packs) {
    if (group.length > 0 && count + need.places > placesAtOnce) {
      yield group
      group = []
      count = 0
    }
    group.push(need)
    count += need.places
  }
  if (group.length > 0) yield group
}

/** Where the chunks of some packs go, 16 bytes a place: those of one pack lie together, by disk and offset. */
export interface ChunkPlaces {
  /** Numbers of records in the index. */
  readonly chunks: Uint32Array
  readonly disks: Uint32Array
  readonly offsets: Float64Array
  /** From where to where those of each pack are, in the order of the packs that were asked for. */
  readonly packs: readonly { readonly need: PackNeed; readonly from: number; readonly end: number }[]
}

/** Walks the trees of all disks for the places of these packs. The index must be what it was when they were counted. */
export async function collectPlaces(
  search: PlaceSearch,
  needs: readonly PackNeed[],
  options: CallOptions,
): Promise<ChunkPlaces> {
  const packs: ChunkPlaces['packs'][number][] = []
  const next = new Map<IndexedPack, number>()
  let count = 0
  for (const need of needs) {
    packs.push({ need, from: count, end: count + need.places })
    next.set(need.pack, count)
    count += need.places
  }
  const chunks = new Uint32Array(count)
  const disks = new Uint32Array(count)
  const offsets = new Float64Array(count)
  await visitPlaces(
    search,
    ({ id, offset }, { packInfo }, disk) => {
      const at = next.get(packInfo)
      if (at === undefined) return
      next.set(packInfo, at + 1)
      chunks[at] = search.index.ordinalOf(id)
      disks[at] = disk
      offsets[at] = offset
    },
    options,
  )
  return { chunks, disks, offsets, packs }
}

/** Chunks between two looks at whatever else waits: a walk that finds all nodes at hand would let nothing pass. */
const chunksAtOnce = 8192

async function visitPlaces(
  { fills, index, readNode }: PlaceSearch,
  visit: (chunk: PlacedChunk, location: ChunkLocation, disk: number) => void,
  options: CallOptions,
): Promise<void> {
  let visited = 0
  const visitDisk = async ({ stored }: DiskFill, disk: number): Promise<void> => {
    const tree = { sizeBytes: stored.sizeBytes, root: fromHex(stored.root) }
    for await (const chunk of diskChunks(tree, readNode, options)) {
      const location = index.find(chunk.id)
      if (location === undefined || location.plainBytes !== chunk.length)
        throw damaged(`chunk ${toHex(chunk.id)}`, 'no index lists it')
      visit(chunk, location, disk)
      visited++
      if (visited % chunksAtOnce > 0) continue
      await setImmediate()
      options.signal.throwIfAborted()
    }
  }
  for (const [disk, fill] of fills.entries())
    await namingDisk(fill.point, fill.stored, 'restored', () => visitDisk(fill, disk))
}
