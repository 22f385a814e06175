import { serialPatternMatches } from '@holdfast/core'

/** What a guest prints, as it comes. */
export interface SerialLines {
  /** Takes the next piece of output. */
  readonly add: (text: string) => void
  /** The end of what was printed. */
  readonly seen: () => string
  /** Resolves with what was seen once a line, finished or not, holds the pattern. Watches one pattern. */
  readonly match: (pattern: string) => Promise<string>
}

/** What is kept: enough to show why a guest did not come up. */
const keptCharacters = 65_536
/** A line without an end is cut: a guest may print for ever. */
const longestLine = 4096

/** Follows the console of a guest, which prints what it likes. */
export function serialLines(): SerialLines {
  let seen = ''
  let line = ''
  let wanted: string | undefined
  const found = Promise.withResolvers<string>()
  const look = (text: string) => {
    if (wanted !== undefined && serialPatternMatches(wanted, text)) found.resolve(seen)
  }
  return {
    add: (text) => {
      seen = (seen + text).slice(-keptCharacters)
      const lines = (line + text).split(/[\r\n]+/)
      line = (lines.pop() ?? '').slice(-longestLine)
      for (const each of lines) look(each)
      look(line)
    },
    seen: () => seen,
    match: (pattern) => {
      wanted = pattern
      for (const each of seen.split(/[\r\n]+/)) look(each)
      return found.promise
    },
  }
}
