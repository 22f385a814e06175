import type { ByteRange } from '../bytes/byte-source.js'
import { joinRuns } from './join-runs.js'
import type { AbsentRun, ImageLayer, PackedRun, StoredRun, ZeroRun } from './layer.js'

/** A run of the composed disk, and the layer that says it; `absent` means that no layer does. */
export type ChainRun = (AbsentRun | ZeroRun | StoredRun | PackedRun) & { readonly depth: number }

/** Yields who holds each stretch of a range: what a layer leaves out is asked of the next, and ends with its size. */
export async function* chainRuns(
  layers: readonly ImageLayer[],
  { offset, length }: ByteRange,
  depth = 0,
): AsyncGenerator<ChainRun, void, undefined> {
  const layer = layers[depth]
  // A parent may be smaller than its child.
  const known = layer === undefined ? 0 : Math.max(0, Math.min(length, layer.sizeBytes - offset))
  if (layer !== undefined && known > 0) {
    for await (const run of joinRuns(layer.runs(offset, known))) {
      if (run.kind === 'absent') yield* chainRuns(layers, run, depth + 1)
      else yield { ...run, depth }
    }
  }
  if (known < length) yield { kind: 'absent', offset: offset + known, length: length - known, depth: layers.length }
}
