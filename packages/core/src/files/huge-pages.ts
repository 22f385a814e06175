import { createRequire } from 'node:module'

/** `MADV_DONTNEED` and `MADV_HUGEPAGE` of madvise(2). */
const dropPages = 4
const wantHugePages = 14

type Advise = (memory: Uint8Array, bytes: number, advice: number) => number

let advise: Advise | undefined | 'not looked for' = 'not looked for'

/**
 * Empties memory that starts at a page, and asks for huge pages under it.
 *
 * A disk takes some hundred pieces of memory in one request: 1 MiB of ordinary pages, but a whole buffer of huge ones. A
 * wish, not a promise: on other systems than Linux, without koffi, and where the system has none, nothing happens.
 */
export function renewInHugePages(memory: Uint8Array): void {
  if (advise === 'not looked for') advise = findAdvise()
  advise?.(memory, memory.byteLength, dropPages)
  advise?.(memory, memory.byteLength, wantHugePages)
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
