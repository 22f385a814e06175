/** Terminal sequences: `ESC [ … letter`, which colour, move and clear. */
const terminalSequence = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-?]{0,32}[ -/]{0,8}[@-~]`, 'g')
/** What steers a terminal, turns text round, or is no character at all. */
const unprintable = /[\p{Cc}\p{Bidi_C}\p{Cs}]/gu

/**
 * Takes the end of a text that a guest wrote, fit to be shown: without control characters but line feeds and tabs.
 *
 * Guarantee: at most `maxBytes` of UTF-8, whatever the text is.
 */
export function printableEnd(text: string, maxBytes: number): string {
  const end = text
    .slice(-4 * maxBytes)
    .replace(terminalSequence, '')
    .replace(/\r+\n?/g, '\n')
    .replace(unprintable, (character) => (character === '\n' || character === '\t' ? character : '�'))
    .trim()
  let bytes = 0
  let from = end.length
  for (const character of [...end].reverse()) {
    bytes += new TextEncoder().encode(character).byteLength
    if (bytes > maxBytes) break
    from -= character.length
  }
  return end.slice(from)
}
