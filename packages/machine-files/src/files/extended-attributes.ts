import { loadCLibrary } from './c-library.js'

/** Sets an extended attribute of a file, of a link itself and not of what it leads to; returns 0, or the system's error number. */
export type SetAttribute = (path: Uint8Array, name: string, value: Uint8Array) => number

/** Takes `lsetxattr` of the C library; `undefined` where there is none. */
export async function loadSetAttribute(): Promise<SetAttribute | undefined> {
  const library = process.platform === 'linux' ? await loadCLibrary() : undefined
  if (library === undefined) return undefined
  const { koffi, functions } = library
  const bytes = 'const uint8_t *'
  const lsetxattr = functions.func('lsetxattr', 'int', [bytes, bytes, bytes, 'size_t', 'int'])
  return (path, name, value) => {
    const failed = lsetxattr(terminated(path), terminated(Buffer.from(name)), value, value.byteLength, 0) !== 0
    return failed ? koffi.errno() : 0
  }
}

function terminated(text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(text.byteLength + 1)
  bytes.set(text)
  return bytes
}
