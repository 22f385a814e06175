import { fields } from '../bytes/fields.js'
import { corrupt, ImageError } from '../image/image-error.js'
import { parseGuid, readGuid, zeroGuid } from './guid.js'
import { parentLocator } from './layout.js'

/** What a differencing file says of its parent (2.6.2.6.3). */
export interface ParentLocator {
  /** Data write GUID that the parent must have. */
  readonly linkage: string
  /** The one that it may have instead while a merge into it was under way. */
  readonly linkage2?: string
  /** Paths in the order in which they are to be tried. */
  readonly paths: readonly string[]
}

/** Longest key that is looked at; the known ones are shorter. */
const longestKeyBytes = 64

/**
 * Parses a parent locator, found at `place` of the file.
 *
 * @throws ImageError `corrupt`, `unsupported` when the parent is no VHDX file
 */
export function parseParentLocator(item: Uint8Array, file: string, place: number): ParentLocator {
  const { keys } = parentLocator
  const locator = fields(item, 'little', file)
  if (item.byteLength < parentLocator.headerBytes) throw corrupt('its parent locator is cut short', file, place)
  const type = readGuid(item, 0)
  if (type !== parentLocator.type)
    throw new ImageError('unsupported', `its parent is no VHDX file: the locator is of type ${type}`, {
      file,
      offset: place,
    })
  const values = parseValues(item, locator.u16(18), file, place)
  const guid = (key: string) => {
    const text = values.get(key)
    const parsed = text === undefined ? undefined : parseGuid(text)
    if (text !== undefined && parsed === undefined) throw corrupt(`its ${key} is no GUID`, file, place)
    return parsed
  }
  const linkage = guid(keys.linkage)
  const linkage2 = guid(keys.linkage2)
  if (linkage === undefined) throw corrupt(`its parent locator has no ${keys.linkage}`, file, place)
  const paths = [keys.relativePath, keys.volumePath, keys.absolutePath].flatMap((key) => values.get(key) ?? [])
  if (paths.length === 0) throw corrupt('its parent locator has no path', file, place)
  return {
    linkage,
    ...(linkage2 !== undefined && linkage2 !== zeroGuid && linkage2 !== linkage && { linkage2 }),
    paths,
  }
}

const knownKeys: ReadonlySet<string> = new Set(Object.values(parentLocator.keys))

/** Reads the values of the known keys; each only once, so that what is decoded stays small. */
function parseValues(item: Uint8Array, count: number, file: string, place: number): ReadonlyMap<string, string> {
  const locator = fields(item, 'little', file)
  const text = (at: number, length: number, what: string) => {
    if (at === 0 || length === 0 || length % 2 !== 0 || at + length > item.byteLength)
      throw corrupt(`${what} of its parent locator is not within it`, file, place)
    const decoded = new TextDecoder('utf-16le', { ignoreBOM: true }).decode(item.subarray(at, at + length))
    if (decoded.includes('\0')) throw corrupt(`${what} of its parent locator has a NUL character`, file, place)
    return decoded
  }
  const values = new Map<string, string>()
  for (let index = 0; index < count; index++) {
    const at = parentLocator.headerBytes + index * parentLocator.entryBytes
    const keyLength = locator.u16(at + 8)
    if (keyLength > longestKeyBytes) continue
    const key = text(locator.u32(at), keyLength, 'a key')
    if (!knownKeys.has(key)) continue
    if (values.has(key)) throw corrupt(`its parent locator has ${key} twice`, file, place)
    values.set(key, text(locator.u32(at + 4), locator.u16(at + 10), `the value of ${key}`))
  }
  return values
}
