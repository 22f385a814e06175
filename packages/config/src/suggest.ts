/** Finds the candidate that a misspelt word was most likely meant to be. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.ceil(word.length / 3) + 1
  for (const candidate of candidates) {
    const same = word.toLowerCase() === candidate.toLowerCase()
    const distance = same ? 0 : editDistance(word.slice(0, 80), candidate.slice(0, 80))
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best
}

/** Asks `Did you mean 'x'?`, or lists what there is. */
export function suggestion(word: string, candidates: readonly string[], listTitle: string): string {
  const best = closest(word, candidates)
  if (best !== undefined) return `Did you mean '${best}'?`
  return candidates.length === 0 ? 'Remove it.' : `${listTitle}: ${[...candidates].sort().join(', ')}.`
}

/** Counts insertions, removals, replacements and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(replace, at(last, j) + 1, at(row, j - 1) + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
