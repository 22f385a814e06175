import { loadCLibrary } from './c-library.js'

/** Finds data and holes of an open file; `none`: nothing more up to the end, `unknown`: the file system cannot tell. */
export interface HoleSeeker {
  readonly nextData: (fd: number, offset: number) => number | 'none' | 'unknown'
  readonly nextHole: (fd: number, offset: number) => number | 'none' | 'unknown'
}

// linux: include/uapi/linux/fs.h; macOS: sys/unistd.h. The numbers are swapped between the two.
const whence: Readonly<Partial<Record<NodeJS.Platform, { readonly data: number; readonly hole: number }>>> = {
  linux: { data: 3, hole: 4 },
  darwin: { data: 4, hole: 3 },
}

/**
 * Takes `lseek` of the C library; `undefined` where that cannot be had: then every file is one run of data, whose holes are
 * read instead of skipped.
 */
export async function loadHoleSeeker(): Promise<HoleSeeker | undefined> {
  const seek = whence[process.platform]
  const library = seek === undefined ? undefined : await loadCLibrary()
  if (seek === undefined || library === undefined) return undefined
  const { koffi, functions } = library
  const lseek = functions.func('lseek', 'int64_t', ['int', 'int64_t', 'int'])
  const noMore = koffi.os.errno['ENXIO']
  const call = (fd: number, offset: number, mode: number) => {
    const at: unknown = lseek(fd, offset, mode)
    if (typeof at === 'number' && at >= 0) return at
    return koffi.errno() === noMore ? 'none' : 'unknown'
  }
  return {
    nextData: (fd, offset) => call(fd, offset, seek.data),
    nextHole: (fd, offset) => call(fd, offset, seek.hole),
  }
}
