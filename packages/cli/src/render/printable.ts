/** Replaces control characters: names come from hypervisors and must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�')
}

/** The same for text of several lines. */
export function printableLines(text: string): readonly string[] {
  return text.split(/\r?\n/).map(printable)
}
