import { corrupt } from '../image/image-error.js'
import { allocate } from './allocate.js'
import type { NamedSource } from './byte-source.js'

/**
 * Reads `length` bytes at `offset` of a file, for a structure called `what`.
 *
 * @throws ImageError `corrupt` when it is not within the file, `limit` when it is absurdly large
 */
export async function readPart(
  { name, source }: NamedSource,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  assertWithin(offset, length, { name, source }, what)
  const bytes = allocate(length, what, name)
  await source.read(offset, bytes)
  return bytes
}

/** Checks that a structure lies within its file. @throws ImageError `corrupt` */
export function assertWithin(
  offset: number,
  length: number,
  { name, source }: Pick<NamedSource, 'name' | 'source'>,
  what: string,
): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= source.sizeBytes - offset) return
  throw corrupt(`${what} at ${offset}, ${length} bytes long, is not within its ${source.sizeBytes} bytes`, name, offset)
}
