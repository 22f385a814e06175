/**
 * Returns the name of the outermost element of an XML text by its first bytes, without prefix; `undefined` when there is none.
 *
 * Domains occur inside other XML of libvirt (`<network><domain name="lan"/>`, `<domainsnapshot><domain>`), so that looking
 * for one anywhere finds machines that are none.
 */
export function rootElement(head: Uint8Array): string | undefined {
  // Read as Latin 1, bytes of UTF-16 have a NUL beside each letter, and a byte order mark is other letters.
  const text = new TextDecoder('latin1').decode(head).replaceAll('\0', '')
  let at = text.indexOf('<')
  while (at >= 0) {
    const end = endOfAside(text, at)
    if (end === undefined) return /^<(?:[\w.-]{1,64}:)?([\w.-]{1,64})[\s/>]/.exec(text.slice(at, at + 200))?.[1]
    at = text.indexOf('<', end)
  }
  return undefined
}

const asides = [
  ['<?', '?>'],
  ['<!--', '-->'],
  ['<!', '>'],
] as const

/** Where a comment, an instruction or a document type that begins here ends; `undefined` when it is an element. */
function endOfAside(text: string, at: number): number | undefined {
  const aside = asides.find(([start]) => text.startsWith(start, at))
  if (aside === undefined) return undefined
  const end = text.indexOf(aside[1], at)
  return end < 0 ? text.length : end
}
