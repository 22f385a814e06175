import { Buffer } from 'node:buffer'

/** Bytes of a GUID in a file: the first three of its five groups have their bytes reversed. */
export const guidBytes = 16

const groups = [4, 2, 2] as const
const pattern = /^\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$/

/** The GUID that stands for none. */
export const zeroGuid = '00000000-0000-0000-0000-000000000000'

/** Reads a GUID of a structure, as lowercase text without braces. */
export function readGuid(structure: Uint8Array, at: number): string {
  const hex = Buffer.from(swap(structure.subarray(at, at + guidBytes))).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Writes a GUID into a structure; `text` is what `parseGuid` gave. */
export function writeGuid(structure: Uint8Array, at: number, text: string): void {
  structure.set(swap(Buffer.from(text.replaceAll('-', ''), 'hex')), at)
}

/** Understands a GUID with or without braces, in any case; `undefined` when it is none. */
export function parseGuid(text: string): string | undefined {
  return pattern.exec(text.toLowerCase())?.[1]
}

function swap(bytes: Uint8Array): Uint8Array {
  const swapped = Uint8Array.from(bytes)
  let at = 0
  for (const length of groups) {
    swapped.subarray(at, at + length).reverse()
    at += length
  }
  return swapped
}
