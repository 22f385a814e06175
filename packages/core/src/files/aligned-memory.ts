/** Memory, disks and positions meet at multiples of this: no disk asks for more than a page in direct I/O. */
export const pageBytes = 4096

/** The next whole number of pages. */
export function wholePages(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes
}

/** Node has it; its types of today do not. */
declare const WebAssembly: {
  readonly Memory: new (size: {
    readonly initial: number
    readonly maximum: number
    readonly shared: boolean
  }) => {
    readonly buffer: ArrayBuffer
  }
}

const wasmPageBytes = 65_536
const known = new WeakSet<ArrayBufferLike>()

/**
 * Allocates memory that starts at a page, zeroed, of at least `bytes`; untouched pages cost nothing.
 *
 * Only memory of WebAssembly promises that in JavaScript. It reserves much address space: where a limit forbids that,
 * ordinary memory is returned, and direct I/O is not used on it.
 */
export function alignedMemory(bytes: number): ArrayBuffer {
  return allocate(bytes, false) ?? new ArrayBuffer(bytes)
}

/** The same as {@link alignedMemory}, to be shared between threads. */
export function sharedAlignedMemory(bytes: number): SharedArrayBuffer {
  return (allocate(bytes, true) as SharedArrayBuffer | undefined) ?? new SharedArrayBuffer(bytes)
}

/** Tells whether the bytes lie at a page, in memory that was allocated here. */
export function isPageAligned({ buffer, byteOffset }: Uint8Array): boolean {
  return byteOffset % pageBytes === 0 && known.has(buffer)
}

function allocate(bytes: number, shared: boolean): ArrayBuffer | undefined {
  const pages = Math.ceil(bytes / wasmPageBytes)
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
    known.add(buffer)
    return buffer
  } catch {
    return undefined
  }
}
