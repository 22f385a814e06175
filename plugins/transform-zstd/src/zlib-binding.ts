import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { BackupError } from '@holdfast/core'
import { compressionParameters } from './compression-parameters.js'
import type { ZstdBinding, ZstdRefusal } from './zstd-binding.js'

const smallestChunkBytes = 64
/** Windows of 8 MiB: what RFC 8878 asks of every decoder, twice the largest frame; a header may claim gigabytes. */
const largestWindowLog = 23

/** Calls libzstd through `node:zlib`: works everywhere, at the price of a context and a copy a frame. */
export function openZlibBinding(level: number): ZstdBinding {
  return {
    compress: (input, output) => compress(input, output, level),
    decompress,
  }
}

function compress(input: Uint8Array, output: Uint8Array, level: number): number | undefined {
  try {
    const encoded = zstdCompressSync(input, {
      chunkSize: Math.max(smallestChunkBytes, output.length),
      maxOutputLength: Math.max(1, output.length),
      params: compressionParameters(level),
      pledgedSrcSize: input.length,
    })
    return copied(encoded, output)
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw failed('compress', 'encode', cause)
  }
}

function decompress(input: Uint8Array, output: Uint8Array): number | ZstdRefusal {
  let outcome: unknown
  try {
    outcome = zstdDecompressSync(input, {
      // One byte more than fits: a full buffer would make zlib go on with whatever follows the frame.
      chunkSize: Math.max(smallestChunkBytes, output.length + 1),
      maxOutputLength: Math.max(1, output.length),
      params: { [constants.ZSTD_d_windowLogMax]: largestWindowLog },
      info: true,
    })
  } catch (cause) {
    return refusal(cause)
  }
  const { decoded, consumedBytes } = withConsumed(outcome)
  if (consumedBytes !== input.length) return { reason: 'other bytes follow the frame' }
  return copied(decoded, output) ?? { reason: 'it holds more than it should' }
}

/** With `info`, zlib also tells how much of the input it took; the published types do not say so. */
function withConsumed(outcome: unknown): { readonly decoded: Uint8Array; readonly consumedBytes: number } {
  if (typeof outcome === 'object' && outcome !== null && 'buffer' in outcome && 'engine' in outcome) {
    const { buffer, engine } = outcome
    const told = typeof engine === 'object' && engine !== null && 'bytesWritten' in engine && engine.bytesWritten
    if (buffer instanceof Uint8Array && typeof told === 'number') return { decoded: buffer, consumedBytes: told }
  }
  throw failed('decompress', 'decode', new TypeError('zlib returned no { buffer, engine } for info: true'))
}

function refusal(cause: unknown): ZstdRefusal {
  const code = codeOf(cause)
  if (code === 'ERR_BUFFER_TOO_LARGE') return { reason: 'it holds more than it should', cause }
  if (code === 'Z_BUF_ERROR') return { reason: 'it ends too early', cause }
  if (code?.startsWith('ZSTD_error_') && code !== 'ZSTD_error_memory_allocation') return { reason: code, cause }
  throw failed('decompress', 'decode', cause)
}

function copied(from: Uint8Array, to: Uint8Array): number | undefined {
  if (from.length > to.length) return undefined
  to.set(from)
  return from.length
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function failed(what: string, operation: string, cause: unknown): BackupError {
  return new BackupError('E_TRANSFORM', `zlib cannot ${what} a frame.`, {
    plugin: 'zstd',
    operation: `transform.${operation}`,
    hint: 'Check the memory of the process, or use a lower level.',
    cause,
  })
}
