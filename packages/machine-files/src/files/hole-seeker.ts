import type Koffi from 'koffi'

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

let loading: Promise<HoleSeeker | undefined> | undefined

/**
 * Loads `lseek` of the C library, once; `undefined` where that cannot be had: then every file is one run of data.
 *
 * `koffi` is an optional dependency: without it the bytes are the same, holes are only read instead of skipped.
 */
export function loadHoleSeeker(): Promise<HoleSeeker | undefined> {
  loading ??= findHoleSeeker()
  return loading
}

async function findHoleSeeker(): Promise<HoleSeeker | undefined> {
  const seek = whence[process.platform]
  if (seek === undefined) return undefined
  try {
    const koffi = await import('koffi')
    return koffiHoleSeeker(koffi.default, seek)
  } catch {
    return undefined
  }
}

function koffiHoleSeeker(
  koffi: typeof Koffi,
  seek: { readonly data: number; readonly hole: number },
): HoleSeeker | undefined {
  // off_t is a long; where that is 32 bits wide lseek cannot address a disk.
  if (koffi.sizeof('long') !== 8) return undefined
  // null: the symbols of this process, which has the C library whatever its name is (glibc, musl, libSystem).
  const lseek = koffi.load(null).func('lseek', 'int64_t', ['int', 'int64_t', 'int'])
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
