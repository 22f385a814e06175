/**
 * Decodes a value: `|22` is a byte, so a run of them is text in the file's encoding.
 *
 * A `|` that is not followed by two hex digits stands for itself.
 */
export function decodeVmxValue(raw: string, encoding: string): string {
  if (!raw.includes('|')) return raw
  return raw.replace(/(?:\|[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split('|'), (hex) => Number.parseInt(hex, 16))
    return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)
  })
}

/** Encodes a value for a file in UTF-8; lone surrogates, which UTF-8 cannot hold, become U+FFFD. */
export function encodeVmxValue(text: string): string {
  return text
    .toWellFormed()
    .replace(/["|#\p{Cc}\u2028\u2029]/gu, (character) =>
      Array.from(
        new TextEncoder().encode(character),
        (byte) => `|${byte.toString(16).padStart(2, '0').toUpperCase()}`,
      ).join(''),
    )
}
