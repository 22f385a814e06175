import type { StoredTransform } from './codec-chain.js'
import { freshRecords, unplaced } from './fresh-records.js'
import { type ChunkPlace, indexRecordWords, readPlace, writePlace } from './index-record.js'
import type { PackKind } from './pack-format.js'
import { findRecord, mergeRecords, sortedRecords } from './sorted-records.js'

/** A pack as the index knows it. */
export interface IndexedPack {
  readonly id: string
  readonly kind: PackKind
  readonly sizeBytes: number
  /** Hex id of the data key, or `''`. */
  readonly dataKeyId: string
  readonly chain: readonly StoredTransform[]
}

/** A chunk that was found. */
export interface ChunkLocation extends ChunkPlace {
  readonly packInfo: IndexedPack
}

/** A chunk with its place. */
export interface ChunkRecord extends ChunkLocation {
  readonly id: Uint8Array
}

/** Sorted records with the packs they refer to: what an index object holds. */
export interface IndexRun {
  readonly packs: readonly IndexedPack[]
  /** Sorted by first id word; see `index-record.ts`. */
  readonly records: Uint32Array
}

/** Which chunks a repository holds and where, in memory: 52 bytes a chunk, plus those new in this run. */
export interface ChunkIndex {
  readonly chunkCount: () => number
  readonly find: (id: Uint8Array) => ChunkLocation | undefined
  /** Tells whether the chunk is stored or being stored. */
  readonly has: (id: Uint8Array) => boolean
  /** Marks a chunk as being stored; `false` when it already is or is stored. */
  readonly claim: (id: Uint8Array) => boolean
  /** Gives a claimed chunk its place; `pack` is a number from {@link addPack}. */
  readonly place: (id: Uint8Array, place: ChunkPlace) => void
  readonly addPack: (pack: IndexedPack) => number
  /** Updates a pack once its size is known. */
  readonly sealPack: (pack: number, sizeBytes: number) => void
  readonly addRun: (run: IndexRun) => void
  /** Takes the placed records of sealed packs since the last call out as a run, to be stored as an index object. */
  readonly takeFresh: () => IndexRun | undefined
  readonly packs: () => readonly IndexedPack[]
  /** The sorted runs, each standing alone, as they would be stored. */
  readonly runs: () => readonly IndexRun[]
  /** Number of the record that {@link find} would use, below {@link ordinals}; -1 when there is none. Valid until the index changes. */
  readonly ordinalOf: (id: Uint8Array) => number
  readonly ordinals: () => number
  /** The record of such a number, to be looked at before the index changes. */
  readonly recordOf: (ordinal: number) => ChunkRecord | undefined
  /** Visits every record of the sorted runs and the fresh ones. */
  readonly forEach: (visit: (id: Uint8Array, location: ChunkLocation) => void) => void
}

/** Runs are merged until at most this many remain: a miss costs one probe a run. */
const maxRuns = 6

/** Makes an empty index; chunks of `excluded` packs are taken for absent. */
export function createChunkIndex(excluded: ReadonlySet<string> = new Set()): ChunkIndex {
  const packs: IndexedPack[] = []
  const packNumbers = new Map<string, number>()
  const runs: Uint32Array[] = []
  let fresh = freshRecords()
  const scratch = new Uint32Array(8)
  const scratchBytes = new Uint8Array(scratch.buffer)

  /** The id as words, valid until the next. */
  const wordsOf = (id: Uint8Array): Uint32Array => {
    scratchBytes.set(id)
    return scratch
  }

  const addPack = (pack: IndexedPack): number => {
    const known = packNumbers.get(pack.id)
    if (known !== undefined) return known
    packNumbers.set(pack.id, packs.length)
    return packs.push(pack) - 1
  }

  const located = (words: Uint32Array, at: number): ChunkLocation | undefined => {
    const place = readPlace(words, at)
    const packInfo = packs[place.pack]
    return packInfo === undefined ? undefined : { ...place, packInfo }
  }

  const findInRuns = (id: Uint32Array): ChunkLocation | undefined => {
    for (const run of runs) {
      const at = findRecord(run, id)
      if (at >= 0) return located(run, at)
    }
    return undefined
  }

  const addSorted = (records: Uint32Array) => {
    if (records.length === 0) return
    runs.push(records)
    runs.sort((a, b) => b.length - a.length)
    while (runs.length > maxRuns || shouldMerge(runs)) {
      const last = runs.pop() ?? new Uint32Array()
      const before = runs.pop() ?? new Uint32Array()
      runs.push(mergeRecords(before, last))
    }
  }

  return {
    chunkCount: () => fresh.count() + runs.reduce((sum, run) => sum + run.length / indexRecordWords, 0),
    find: (id) => {
      const words = wordsOf(id)
      const at = fresh.find(words)
      if (at >= 0) {
        const location = located(fresh.words(), at)
        return location !== undefined && location.frameBytes !== unplaced ? location : undefined
      }
      return findInRuns(words)
    },
    has: (id) => {
      const words = wordsOf(id)
      return fresh.find(words) >= 0 || findInRuns(words) !== undefined
    },
    claim: (id) => {
      const words = wordsOf(id)
      if (fresh.find(words) >= 0 || findInRuns(words) !== undefined) return false
      const at = fresh.add(words)
      writePlace(fresh.words(), at, {
        pack: 0xffffffff,
        frameOffset: 0,
        frameBytes: unplaced,
        plainOffset: 0,
        plainBytes: 0,
      })
      return true
    },
    place: (id, place) => {
      const words = wordsOf(id)
      const found = fresh.find(words)
      const at = found >= 0 ? found : fresh.add(words)
      writePlace(fresh.words(), at, place)
    },
    addPack,
    sealPack: (number, sizeBytes) => {
      const pack = packs[number]
      if (pack !== undefined) packs[number] = { ...pack, sizeBytes }
    },
    addRun: (run) => {
      const numbers = Uint32Array.from(run.packs.map(addPack))
      const records = withoutPacks(run, excluded)
      for (let at = 8; at < records.length; at += indexRecordWords)
        records[at] = numbers[records[at] ?? 0] ?? 0xffffffff
      addSorted(records)
    },
    takeFresh: () => {
      const words = fresh.words()
      const ready = new Uint32Array(fresh.count())
      const remaining = freshRecords()
      let count = 0
      fresh.forEach((at) => {
        if (isSealed(words, at, packs)) ready[count++] = at
        else writePlace(remaining.words(), remaining.add(words.subarray(at, at + 8)), readPlace(words, at))
      })
      if (count === 0) return undefined
      const sorted = sortedRecords(words, ready.subarray(0, count))
      fresh = remaining
      addSorted(sorted)
      return detach(sorted, packs)
    },
    packs: () => packs.filter((pack) => !excluded.has(pack.id)),
    runs: () => runs.map((run) => detach(run, packs)),
    ordinals: () => (fresh.words().length + runs.reduce((sum, run) => sum + run.length, 0)) / indexRecordWords,
    ordinalOf: (id) => {
      const words = wordsOf(id)
      const at = fresh.find(words)
      if (at >= 0) return at / indexRecordWords
      let before = fresh.words().length
      for (const run of runs) {
        const found = findRecord(run, words)
        if (found >= 0) return (before + found) / indexRecordWords
        before += run.length
      }
      return -1
    },
    recordOf: (ordinal) => {
      let at = ordinal * indexRecordWords
      for (const words of [fresh.words(), ...runs]) {
        if (at < words.length) {
          const location = located(words, at)
          return location && { ...location, id: idAt(words, at) }
        }
        at -= words.length
      }
      return undefined
    },
    forEach: (visit) => {
      const each = (words: Uint32Array, at: number) => {
        const location = located(words, at)
        if (location === undefined || location.frameBytes === unplaced) return
        visit(idAt(words, at), location)
      }
      for (const run of runs) for (let at = 0; at < run.length; at += indexRecordWords) each(run, at)
      fresh.forEach((at) => each(fresh.words(), at))
    },
  }
}

/** The id of a record, as it stands there. */
function idAt(words: Uint32Array, at: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + at * 4, 32)
}

/** Tells whether the chunk of a record is in a pack that is stored; what is only claimed names no pack. */
function isSealed(words: Uint32Array, at: number, packs: readonly IndexedPack[]): boolean {
  return (packs[words[at + 8] ?? 0]?.sizeBytes ?? 0) > 0
}

/** Merging a run into one less than four times its size keeps both the count and the work logarithmic. */
function shouldMerge(runs: readonly Uint32Array[]): boolean {
  const last = runs[runs.length - 1]
  const before = runs[runs.length - 2]
  return last !== undefined && before !== undefined && before.length < last.length * 4
}

/** Copies the records of a run, less those in excluded packs. */
function withoutPacks(run: IndexRun, excluded: ReadonlySet<string>): Uint32Array {
  const out = run.packs.map((pack) => excluded.has(pack.id))
  if (!out.includes(true)) return run.records.slice()
  const kept = new Uint32Array(run.records.length)
  let to = 0
  for (let at = 0; at < run.records.length; at += indexRecordWords) {
    if (out[run.records[at + 8] ?? 0] === true) continue
    kept.set(run.records.subarray(at, at + indexRecordWords), to)
    to += indexRecordWords
  }
  return kept.slice(0, to)
}

/** Copies records and renumbers their packs densely, so that the run stands alone. */
function detach(records: Uint32Array, packs: readonly IndexedPack[]): IndexRun {
  const numbers = new Map<number, number>()
  const own: IndexedPack[] = []
  const copy = records.slice()
  for (let at = 8; at < copy.length; at += indexRecordWords) {
    const pack = copy[at] ?? 0
    let number = numbers.get(pack)
    const info = packs[pack]
    if (number === undefined && info !== undefined) {
      number = own.push(info) - 1
      numbers.set(pack, number)
    }
    copy[at] = number ?? 0xffffffff
  }
  return { packs: own, records: copy }
}
