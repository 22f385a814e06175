/** Where the content of a block is: on the disk below, in the overlay's file, or nowhere, as it reads as zeros. */
export type BlockState = 'below' | 'data' | 'zero'

/** The states of a disk's blocks; takes memory for what is not below only. */
export interface BlockStates {
  readonly set: (from: number, end: number, state: BlockState) => void
  /** The state of a block, and the first block before `end` of another state, or `end`. */
  readonly run: (from: number, end: number) => { readonly state: BlockState; readonly end: number }
  /** Blocks that are in a state of this kind. */
  readonly count: (state: BlockState) => number
}

const codes = ['below', 'data', 'zero'] as const
const pageBlocks = 4096

/** Makes states that are all `below`. */
export function blockStates(): BlockStates {
  // A page whose blocks are all alike is one number; one that is not there is all below.
  const pages = new Map<number, number | Uint8Array>()
  const counts = { data: 0, zero: 0 }

  const tally = (code: number, blocks: number) => {
    const state = codes[code] ?? 'below'
    if (state !== 'below') counts[state] += blocks
  }
  const setIn = (number: number, from: number, end: number, code: number) => {
    const page = pages.get(number) ?? 0
    if (typeof page === 'number') tally(page, from - end)
    else for (let at = from; at < end; at++) tally(page[at] ?? 0, -1)
    tally(code, end - from)
    if (end - from === pageBlocks) {
      pages.set(number, code)
      return
    }
    if (page === code) return
    const blocks = typeof page === 'number' ? new Uint8Array(pageBlocks).fill(page) : page
    pages.set(number, blocks.fill(code, from, end))
  }

  return {
    set: (from, end, state) => {
      const code = codes.indexOf(state)
      for (let at = from; at < end; ) {
        const number = Math.floor(at / pageBlocks)
        const start = number * pageBlocks
        const to = Math.min(end, start + pageBlocks)
        setIn(number, at - start, to - start, code)
        at = to
      }
    },
    run: (from, end) => {
      const codeOf = (block: number): number => {
        const page = pages.get(Math.floor(block / pageBlocks)) ?? 0
        return typeof page === 'number' ? page : (page[block % pageBlocks] ?? 0)
      }
      const code = codeOf(from)
      let at = from
      while (at < end && codeOf(at) === code) {
        const isUniform = !(pages.get(Math.floor(at / pageBlocks)) instanceof Uint8Array)
        at = isUniform ? (Math.floor(at / pageBlocks) + 1) * pageBlocks : at + 1
      }
      return { state: codes[code] ?? 'below', end: Math.min(at, end) }
    },
    count: (state) => (state === 'below' ? 0 : counts[state]),
  }
}
