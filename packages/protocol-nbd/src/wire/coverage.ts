import { broken, NbdError } from '../nbd-error.js'

/** What came of a range so far. */
export interface Coverage {
  /** Takes note of a part. @throws NbdError `protocol` when it came before, `limit` when there are too many pieces */
  readonly add: (from: number, to: number) => void
  readonly isComplete: () => boolean
  readonly hasParts: () => boolean
}

/** Most parts with gaps between them: servers answer in order, or nearly. */
const maxParts = 1024

/** Keeps account of the parts of a range. Chunks may come in any order, and must not overlap. Spec: "NBD_CMD_READ". */
export function createCoverage(start: number, end: number): Coverage {
  // Parts in ascending order that do not touch each other.
  const parts: { from: number; to: number }[] = []

  return {
    isComplete: () => start === end || (parts.length === 1 && parts[0]?.from === start && parts[0].to === end),
    hasParts: () => parts.length > 0,
    add: (from, to) => {
      let place = parts.length
      while (place > 0 && (parts[place - 1]?.from ?? 0) > from) place--
      const before = parts[place - 1]
      const after = parts[place]
      if ((before !== undefined && before.to > from) || (after !== undefined && after.from < to))
        throw broken('Two chunks of a reply overlap.')
      const joinsBefore = before?.to === from
      const joinsAfter = after?.from === to
      if (joinsBefore) before.to = joinsAfter ? after.to : to
      else if (joinsAfter) after.from = from
      if (joinsBefore && joinsAfter) parts.splice(place, 1)
      if (joinsBefore || joinsAfter) return
      if (parts.length === maxParts) throw new NbdError('limit', 'A reply comes in too many parts out of order.')
      parts.splice(place, 0, { from, to })
    },
  }
}
