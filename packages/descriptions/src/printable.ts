const longest = 200

/** Makes text from a description fit for messages: what it holds must not flood or steer a terminal. */
export function printable(text: string): string {
  const clean = text.slice(0, longest + 1).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?')
  return clean.length <= longest ? clean : `${clean.slice(0, longest)}…`
}

/** Joins names for a message; what is too much is counted. */
export function printableList(names: readonly string[], shown = 12): string {
  const rest = names.length - shown
  return names.slice(0, shown).map(printable).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
