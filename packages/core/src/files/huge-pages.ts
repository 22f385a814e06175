import { createRequire } from 'node:module'
import { isPageAligned, pageBytes } from './aligned-memory.js'

/** `MADV_DONTNEED` and `MADV_HUGEPAGE` of madvise(2). */
const dropPages = 4
const wantHugePages = 14

type Advise = (memory: Uint8Array, bytes: number, advice: number) => number

let advise: Advise | undefined | 'not looked for' = 'not looked for'

/**
 * Empties the whole pages of aligned memory, and asks for huge pages under them.
 *
 * A disk takes some hundred pieces of memory in one request: 1 MiB of ordinary pages, but a whole buffer of huge ones. A
 * wish, not a promise: on other systems than Linux, without koffi, and where the system has none, nothing happens. Memory
 * that was not allocated as aligned is left alone, since its pages may hold what belongs to others.
 */
export function renewInHugePages(memory: Uint8Array): void {
  if (!isPageAligned(memory)) return
  if (advise === 'not looked for') advise = findAdvise()
  const bytes = memory.byteLength - (memory.byteLength % pageBytes)
  advise?.(memory, bytes, dropPages)
  advise?.(memory, bytes, wantHugePages)
}

function findAdvise(): Advise | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi')
    return koffi.load(null).func('int madvise(void *memory, size_t bytes, int advice)')
  } catch {
    return undefined
  }
}
