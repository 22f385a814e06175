import { corrupt } from '../image/image-error.js'
import type { NamedSource } from './byte-source.js'

/**
 * Bounds one walk over tables of `tableBytes` each: a file has no room for more of them than its size allows.
 *
 * A directory whose entries all lead to one table would otherwise make a small file an endless one.
 * @returns a function to call for each table that is visited. @throws ImageError `corrupt`
 */
export function tableBudget({ name, source }: NamedSource, tableBytes: number, what: string): () => void {
  let left = Math.floor(source.sizeBytes / tableBytes) + 1
  return () => {
    left -= 1
    if (left < 0) throw corrupt(`its directory leads to more of ${what} than the file has room for`, name)
  }
}
