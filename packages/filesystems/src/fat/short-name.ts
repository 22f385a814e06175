/** The upper half of code page 437, which DOS has for short names in most of the world. */
const upper =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'

/** Decodes a text of code page 437. */
export function decodeOem(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : (upper[byte - 0x80] ?? ''))).join('')
}

/**
 * Decodes a short name of 8 and 3 characters.
 *
 * @param caseFlags Whether Windows shows the name (8) or the extension (16) in small letters.
 */
export function shortName(bytes: Uint8Array, caseFlags: number): string {
  const raw = new Uint8Array(bytes)
  // A name that begins with 0xE5 would look deleted.
  if (raw[0] === 0x05) raw[0] = 0xe5
  const part = (from: number, to: number, isSmall: boolean) => {
    const text = decodeOem(raw.subarray(from, to)).trimEnd()
    return isSmall ? text.toLowerCase() : text
  }
  const name = part(0, 8, (caseFlags & 8) !== 0)
  const extension = part(8, 11, (caseFlags & 16) !== 0)
  return extension === '' ? name : `${name}.${extension}`
}

/** Sum by which the parts of a long name know their short one. */
export function shortNameSum(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff
  return sum
}
