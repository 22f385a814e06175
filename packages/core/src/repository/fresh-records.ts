import { copyRecord, indexRecordWords, sameId } from './index-record.js'

/** Records added in this run, findable at once: an open-addressing table of words. */
export interface FreshRecords {
  readonly count: () => number
  /** Word where the id's record starts, or -1. */
  readonly find: (id: Uint32Array) => number
  /** Adds a record with this id and returns the word where it starts. The id must not be in. */
  readonly add: (id: Uint32Array) => number
  /** All words; records start where {@link forEach} says. */
  readonly words: () => Uint32Array
  readonly forEach: (visit: (at: number) => void) => void
}

/** The frame length of a record that is claimed but not yet stored. */
export const unplaced = 0

/** Makes an empty table that doubles as it fills. */
export function freshRecords(initialSlots = 4096): FreshRecords {
  let slots = initialSlots
  let used = new Uint8Array(slots)
  let words = new Uint32Array(slots * indexRecordWords)
  let count = 0

  const slotOf = (table: Uint32Array, taken: Uint8Array, mask: number, id: Uint32Array): number => {
    let slot = firstSlot(id, 0, mask)
    while (taken[slot] === 1 && !sameId(table, slot * indexRecordWords, id)) slot = (slot + 1) & mask
    return slot
  }

  const grow = () => {
    const oldWords = words
    const oldUsed = used
    slots *= 2
    used = new Uint8Array(slots)
    words = new Uint32Array(slots * indexRecordWords)
    oldUsed.forEach((taken, slot) => {
      if (taken === 0) return
      const from = slot * indexRecordWords
      let to = firstSlot(oldWords, from, slots - 1)
      while (used[to] === 1) to = (to + 1) & (slots - 1)
      used[to] = 1
      copyRecord(oldWords, from, words, to * indexRecordWords)
    })
  }

  return {
    count: () => count,
    find: (id) => {
      const slot = slotOf(words, used, slots - 1, id)
      return used[slot] === 1 ? slot * indexRecordWords : -1
    },
    add: (id) => {
      if ((count + 1) * 4 > slots * 3) grow()
      const slot = slotOf(words, used, slots - 1, id)
      used[slot] = 1
      for (let i = 0; i < 8; i++) words[slot * indexRecordWords + i] = id[i] ?? 0
      count++
      return slot * indexRecordWords
    },
    words: () => words,
    forEach: (visit) => {
      used.forEach((taken, slot) => {
        if (taken === 1) visit(slot * indexRecordWords)
      })
    },
  }
}

/** By the second word of the id, so that a table's order says nothing about the order records are later sorted in. */
function firstSlot(words: Uint32Array, at: number, mask: number): number {
  return (words[at + 1] ?? 0) & mask
}
