import { copyRecord, indexRecordWords, sameId } from './index-record.js'

/** Word and position must fit a float's 53 bits together; more records are sorted in parts and merged. */
const sortBlock = 2 ** 21

/** Sorts all records of an array into a new one, as {@link sortedRecords} does. */
export function sortRecords(records: Uint32Array, block?: number): Uint32Array {
  const starts = new Uint32Array(records.length / indexRecordWords)
  for (let i = 0; i < starts.length; i++) starts[i] = i * indexRecordWords
  return sortedRecords(records, starts, block)
}

/**
 * Copies the records that start at some words, sorted by the first word of their id, in place of a full order: ids are
 * hashes, so ties are as good as none.
 *
 * Native float sorting of `word · 2^21 + position` sorts 2 million records a second.
 */
export function sortedRecords(words: Uint32Array, starts: Uint32Array, block: number = sortBlock): Uint32Array {
  const count = starts.length
  if (count > block) {
    const half = Math.ceil(count / 2)
    const [low, high] = [starts.subarray(0, half), starts.subarray(half)]
    return mergeRecords(sortedRecords(words, low, block), sortedRecords(words, high, block))
  }
  const sorted = new Uint32Array(count * indexRecordWords)
  const order = new Float64Array(count)
  for (let i = 0; i < count; i++) order[i] = (words[starts[i] ?? 0] ?? 0) * block + i
  order.sort()
  for (let i = 0; i < count; i++) {
    copyRecord(words, starts[(order[i] ?? 0) % block] ?? 0, sorted, i * indexRecordWords)
  }
  return sorted
}

/** Tells whether records are in order: data from outside is not trusted to be. */
export function recordsAreSorted(records: Uint32Array): boolean {
  let previous = 0
  for (let at = 0; at < records.length; at += indexRecordWords) {
    const word = records[at] ?? 0
    if (word < previous) return false
    previous = word
  }
  return true
}

/** Merges two sorted arrays of records. */
export function mergeRecords(a: Uint32Array, b: Uint32Array): Uint32Array {
  const merged = new Uint32Array(a.length + b.length)
  let i = 0
  let j = 0
  let at = 0
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && (a[i] ?? 0) <= (b[j] ?? 0))
    copyRecord(takeA ? a : b, takeA ? i : j, merged, at)
    at += indexRecordWords
    if (takeA) i += indexRecordWords
    else j += indexRecordWords
  }
  return merged
}

/** Finds an id among sorted records: the word where its record starts, or -1. */
export function findRecord(records: Uint32Array, id: Uint32Array): number {
  const count = records.length / indexRecordWords
  const key = id[0] ?? 0
  let low = 0
  let high = count
  // Hashes are spread evenly, so the first guess lands close: about three probes in ten million records.
  for (let probes = 0; low < high; probes++) {
    const lowKey = records[low * indexRecordWords] ?? 0
    const highKey = records[(high - 1) * indexRecordWords] ?? 0
    if (key < lowKey || key > highKey) return -1
    const share = probes < 8 && highKey > lowKey ? (key - lowKey) / (highKey - lowKey) : 0.5
    const middle = Math.min(high - 1, low + Math.floor(share * (high - 1 - low)))
    const found = records[middle * indexRecordWords] ?? 0
    if (found < key) low = middle + 1
    else if (found > key) high = middle
    else return findAmongEqual(records, middle, key, id)
  }
  return -1
}

function findAmongEqual(records: Uint32Array, middle: number, key: number, id: Uint32Array): number {
  const count = records.length / indexRecordWords
  let first = middle
  while (first > 0 && records[(first - 1) * indexRecordWords] === key) first--
  for (let at = first; at < count && records[at * indexRecordWords] === key; at++) {
    if (sameId(records, at * indexRecordWords, id)) return at * indexRecordWords
  }
  return -1
}
