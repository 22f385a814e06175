import { createRequire } from 'node:module'
import { BackupError } from '@holdfast/core'
import type { LibraryHandle } from 'koffi'
import { compressionParameters } from './compression-parameters.js'
import type { ZstdBinding } from './zstd-binding.js'

type Koffi = typeof import('koffi')

/** Result of a libzstd call: a length, or minus an error code (`size_t` read as signed, so no BigInt appears). */
type Outcome = number

interface Functions {
  readonly createCompression: () => unknown
  readonly createDecompression: () => unknown
  readonly freeCompression: (context: unknown) => Outcome
  readonly freeDecompression: (context: unknown) => Outcome
  readonly setParameter: (context: unknown, parameter: number, value: number) => Outcome
  readonly compress: Transcode
  readonly decompress: Transcode
  readonly frameBytes: (input: Uint8Array, inputBytes: number) => Outcome
  readonly errorName: (outcome: Outcome) => string
}

type Transcode = (
  context: unknown,
  output: Uint8Array,
  outputBytes: number,
  input: Uint8Array,
  inputBytes: number,
) => Outcome

/** First release with the stable API used here: 1.4.0. */
const oldestVersion = 10_400
/** `ZSTD_error_dstSize_tooSmall`, stable since 1.3.1. */
const outputTooSmall = -70

/**
 * Calls the libzstd inside Node itself, through koffi: no allocation a frame, one context for all frames.
 *
 * Returns `undefined` where koffi is not installed or this Node does not export libzstd.
 */
export function openLibraryBinding(level: number): ZstdBinding | undefined {
  const zstd = findLibrary()
  if (zstd === undefined) return undefined
  let compression: unknown
  let decompression: unknown
  return {
    compress: (input, output) => {
      compression ??= openCompression(zstd, level)
      const outcome = zstd.compress(compression, output, output.length, input, input.length)
      if (outcome === outputTooSmall) return undefined
      return checked(zstd, outcome, 'compress a frame')
    },
    decompress: (input, output) => {
      const frameBytes = zstd.frameBytes(input, input.length)
      if (frameBytes < 0) return { reason: zstd.errorName(frameBytes) }
      if (frameBytes !== input.length) return { reason: 'other bytes follow the frame' }
      decompression ??= created(zstd.createDecompression())
      const outcome = zstd.decompress(decompression, output, output.length, input, input.length)
      return outcome >= 0 ? outcome : { reason: zstd.errorName(outcome) }
    },
    [Symbol.dispose]: () => {
      if (compression !== undefined) zstd.freeCompression(compression)
      if (decompression !== undefined) zstd.freeDecompression(decompression)
      compression = undefined
      decompression = undefined
    },
  }
}

function openCompression(zstd: Functions, level: number): unknown {
  const context = created(zstd.createCompression())
  for (const [parameter, value] of Object.entries(compressionParameters(level))) {
    checked(zstd, zstd.setParameter(context, Number(parameter), value), `set level ${level}`)
  }
  return context
}

function findLibrary(): Functions | undefined {
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi')
    return bind(koffi.load(null))
  } catch {
    // Koffi is optional, has no binary for some platforms, and finds no symbols in some builds of Node. Whatever the
    // reason, zlib makes and reads the same frames, only slower.
    return undefined
  }
}

function bind(library: LibraryHandle): Functions | undefined {
  const version: () => number = library.func('unsigned int ZSTD_versionNumber(void)')
  if (version() < oldestVersion) return undefined
  return {
    createCompression: library.func('void *ZSTD_createCCtx(void)'),
    createDecompression: library.func('void *ZSTD_createDCtx(void)'),
    freeCompression: library.func('intptr_t ZSTD_freeCCtx(void *context)'),
    freeDecompression: library.func('intptr_t ZSTD_freeDCtx(void *context)'),
    setParameter: library.func('intptr_t ZSTD_CCtx_setParameter(void *context, int parameter, int value)'),
    compress: library.func(`intptr_t ZSTD_compress2(${transcodeArguments})`),
    decompress: library.func(`intptr_t ZSTD_decompressDCtx(${transcodeArguments})`),
    frameBytes: library.func('intptr_t ZSTD_findFrameCompressedSize(void *input, size_t inputBytes)'),
    errorName: library.func('const char *ZSTD_getErrorName(intptr_t outcome)'),
  }
}

const transcodeArguments = 'void *context, void *output, size_t outputBytes, void *input, size_t inputBytes'

function created(context: unknown): unknown {
  if (context !== null) return context
  throw new BackupError('E_TRANSFORM', 'libzstd has no memory for a context.', {
    plugin: 'zstd',
    hint: 'Give the process more memory, or use a lower level: levels above 19 need hundreds of MiB a worker.',
  })
}

function checked(zstd: Functions, outcome: Outcome, what: string): number {
  if (outcome >= 0) return outcome
  throw new BackupError('E_TRANSFORM', `libzstd cannot ${what}: ${zstd.errorName(outcome)}.`, {
    plugin: 'zstd',
    operation: 'transform.encode',
    hint: 'Check the memory of the process, or use a lower level.',
  })
}
