import { loadCLibrary } from './c-library.js'

/**
 * Asks the file system for the blocks of a range that is about to be written, the size of the file left as it is.
 *
 * A hint: what it cannot do, the write does, and says what is wrong.
 */
export type Preallocate = (fd: number, offset: number, length: number) => void

// linux: include/uapi/linux/falloc.h
const keepSize = 1

/** Takes `fallocate` of the C library; `undefined` where there is none. */
export async function loadPreallocate(): Promise<Preallocate | undefined> {
  const library = process.platform === 'linux' ? await loadCLibrary() : undefined
  if (library === undefined) return undefined
  const fallocate = library.functions.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t'])
  return (fd, offset, length) => {
    fallocate(fd, keepSize, offset, length)
  }
}
