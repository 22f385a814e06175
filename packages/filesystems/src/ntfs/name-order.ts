import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { attributeTypes } from './attribute.js'
import { readAttribute } from './attribute-content.js'
import { attributeOf, attributesOf } from './attribute-set.js'
import { anyUseOf, type NtfsVolume } from './volume.js'

/** Compares names as the volume sorts them: letter by letter in upper case, by its own table. */
export type NameOrder = (first: string, second: string) => number

const tableRecord = 10
const tableBytes = 2 ** 17

/** Reads the table of upper-case letters. @throws FilesystemError `damaged`, `limit`, `read` */
export async function readNameOrder(volume: NtfsVolume, options: CallOptions): Promise<NameOrder> {
  const record = await volume.record(anyUseOf(tableRecord), options)
  const parts = attributeOf(await attributesOf(volume, record, options), attributeTypes.data)
  if (parts === undefined) throw damaged('the volume has no table of upper-case letters', { inode: tableRecord })
  const bytes = await readAttribute(volume, tableRecord, parts, tableBytes, options)
  if (bytes.byteLength !== tableBytes)
    throw damaged(`the table of upper-case letters has ${bytes.byteLength} bytes`, { inode: tableRecord })
  const upper = new Uint16Array(tableBytes / 2)
  for (let index = 0; index < upper.length; index++)
    upper[index] = (bytes[index * 2] ?? 0) | ((bytes[index * 2 + 1] ?? 0) << 8)
  const letter = (name: string, index: number) => upper[name.charCodeAt(index)] ?? 0
  return (first, second) => {
    const shared = Math.min(first.length, second.length)
    for (let index = 0; index < shared; index++) {
      const order = letter(first, index) - letter(second, index)
      if (order !== 0) return order
    }
    return first.length - second.length
  }
}
