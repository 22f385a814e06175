import type { ByteRange } from '../bytes/byte-source.js'
import { type ChainRun, chainRuns } from './chain-runs.js'
import type { ImageExtent } from './disk-image.js'
import type { ImageLayer } from './layer.js'

/** Yields the extents of a range of a chain; neighbours that are alike are joined. */
export async function* chainExtents(
  layers: readonly ImageLayer[],
  range: ByteRange,
): AsyncGenerator<ImageExtent, void, undefined> {
  let held: ImageExtent | undefined
  for await (const run of chainRuns(layers, range)) {
    const { offset, length, depth } = run
    const kind = kindOf(run)
    if (held?.kind === kind && held.depth === depth) held = { ...held, length: held.length + length }
    else {
      if (held !== undefined) yield held
      held = { offset, length, kind, depth }
    }
  }
  if (held !== undefined) yield held
}

function kindOf({ kind }: ChainRun): ImageExtent['kind'] {
  if (kind === 'absent') return 'unallocated'
  return kind === 'zero' ? 'zero' : 'data'
}
