import type { TransformCodec } from '@holdfast/core'
import { frameCodec } from '../src/frame-codec.js'
import { openLibraryBinding } from '../src/library-binding.js'
import { openZlibBinding } from '../src/zlib-binding.js'
import type { ZstdBinding } from '../src/zstd-binding.js'

/** Both ways to libzstd, by name; every promise of the codec is tested on each. */
export const bindings: readonly (readonly [name: string, open: (level: number) => ZstdBinding])[] = [
  ['library', openLibraryOrFail],
  ['zlib', openZlibBinding],
]

export function codecOver(open: (level: number) => ZstdBinding, level = 3): TransformCodec {
  return frameCodec(open(level))
}

export const context = { sequence: 7, associatedData: new Uint8Array(0) }

function openLibraryOrFail(level: number): ZstdBinding {
  const binding = openLibraryBinding(level)
  if (binding === undefined)
    throw new Error('koffi or the libzstd of this Node is missing: half the tests would be void')
  return binding
}
