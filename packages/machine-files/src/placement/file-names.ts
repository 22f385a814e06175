import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/** Longest name that is made, in bytes: room for an ending and for what file systems that encrypt names add. */
const maxNameBytes = 140

/**
 * Makes a file name out of any text: what could leave the folder or upset a file system is percent-encoded.
 *
 * Names that are too long keep their start and get a digest of the whole.
 */
export function safeFileName(text: string): string {
  const encoded = text
    .replace(/[^\p{L}\p{N} ._()-]/gu, percentEncoded)
    .replace(/[. ]$/u, percentEncoded)
    .replace(/^[. ]/u, (first) => `_${first.trim()}`)
  const name = encoded === '' || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(encoded) ? `_${encoded}` : encoded
  if (Buffer.byteLength(name) <= maxNameBytes) return name
  let start = name
  while (Buffer.byteLength(start) > maxNameBytes - 17) start = start.slice(0, -1)
  return `${start}~${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** Gives each disk a file of its own, also where two ids make one name or differ in case alone. */
export function diskFileNames(disks: readonly { readonly id: string }[], ending: string): readonly string[] {
  const taken = new Set<string>()
  return disks.map(({ id }) => {
    const name = safeFileName(id)
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? `${name}${ending}` : `${name}~${number}${ending}`
      if (taken.has(candidate.toLowerCase())) continue
      taken.add(candidate.toLowerCase())
      return candidate
    }
  })
}

function percentEncoded(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
