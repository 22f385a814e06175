import { openLibraryBinding } from './library-binding.js'
import { openZlibBinding } from './zlib-binding.js'

/** A way to libzstd, at one compression level. Each reads what any other wrote. */
export interface ZstdBinding {
  /** Compresses into `output` and returns the length, or `undefined` when `output` is too small. */
  readonly compress: (input: Uint8Array, output: Uint8Array) => number | undefined
  /** Decompresses all of `input` into `output` and returns the length, or why it cannot. */
  readonly decompress: (input: Uint8Array, output: Uint8Array) => number | ZstdRefusal
  /** Frees its contexts, where it has some. */
  readonly [Symbol.dispose]?: () => void
}

/** Why libzstd does not take an input. */
export interface ZstdRefusal {
  readonly reason: string
  readonly cause?: unknown
}

/** Opens the fastest binding that this Node has: its own libzstd called directly, else `node:zlib`. */
export function openZstdBinding(level: number): ZstdBinding {
  return openLibraryBinding(level) ?? openZlibBinding(level)
}
