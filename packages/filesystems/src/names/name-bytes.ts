const escapes = /\\x([0-9A-F]{2})/g

/**
 * Decodes a name that is bytes, as on ext and XFS, so that `nameToBytes` gives the very bytes back.
 *
 * UTF-8 stays as it is. A byte that is no part of valid UTF-8 becomes `\xE9`, with two upper-case hexadecimal digits, and
 * so do `/` and NUL, which no honest name has. A backslash stands for itself, except where it would begin such an
 * escape: there it is written `\x5C`.
 */
export function nameFromBytes(bytes: Uint8Array): string {
  // The decoder would otherwise swallow a byte order mark, which is a legal beginning of a name.
  const whole = decode(bytes)
  if (whole !== undefined) return nameFromText(whole)
  let text = ''
  for (let at = 0; at < bytes.byteLength; ) {
    const length = validLength(bytes, at)
    text += length === 0 ? `\\x${hex(bytes[at] ?? 0)}` : nameFromTextAt(bytes, at, length)
    at += Math.max(length, 1)
  }
  return text
}

/** Escapes a name that is text, as on NTFS and FAT: only what could not stand in a path, as `nameFromBytes` does. */
export function nameFromText(text: string): string {
  return text.replace(/\\(?=x[0-9A-F]{2})|[/\0]/g, (character) => `\\x${hex(character.charCodeAt(0))}`)
}

/** Gives the bytes of a name on ext and XFS back, and those that a folder on Linux wants for it. */
export function nameToBytes(name: string): Uint8Array {
  const encoder = new TextEncoder()
  const parts: Uint8Array[] = []
  let from = 0
  for (const match of name.matchAll(escapes)) {
    parts.push(encoder.encode(name.slice(from, match.index)), Uint8Array.of(Number.parseInt(match[1] ?? '', 16)))
    from = match.index + match[0].length
  }
  parts.push(encoder.encode(name.slice(from)))
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
}

/** Gives the text of a name on NTFS and FAT back. */
export function nameToText(name: string): string {
  return name.replace(escapes, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Length of the UTF-8 character at a byte; 0 when there is none. */
function validLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.byteLength; length++)
    if (decode(bytes.subarray(at, at + length)) !== undefined) return length
  return 0
}

/** Escapes one character, looking at the bytes behind it: a backslash may begin what looks like an escape. */
function nameFromTextAt(bytes: Uint8Array, at: number, length: number): string {
  if (bytes[at] !== 0x5c) return nameFromText(decode(bytes.subarray(at, at + length)) ?? '')
  const ahead = String.fromCharCode(...bytes.subarray(at, at + 4))
  return nameFromText(ahead).startsWith('\\x5C') ? '\\x5C' : '\\'
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0')
}
