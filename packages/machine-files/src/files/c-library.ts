import type Koffi from 'koffi'

/** The C library of this process. */
export interface CLibrary {
  readonly koffi: typeof Koffi
  readonly functions: ReturnType<typeof Koffi.load>
}

let loading: Promise<CLibrary | undefined> | undefined

/**
 * Loads the C library, once; `undefined` where `koffi`, an optional dependency, is not there, or where an `off_t`, which is
 * a long, cannot address a disk.
 */
export function loadCLibrary(): Promise<CLibrary | undefined> {
  loading ??= import('koffi').then(
    ({ default: koffi }) =>
      // null: the symbols of this process, which has the C library whatever its name is (glibc, musl, libSystem).
      koffi.sizeof('long') === 8 ? { koffi, functions: koffi.load(null) } : undefined,
    () => undefined,
  )
  return loading
}
