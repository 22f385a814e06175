import type { ByteSource } from '../bytes/byte-source.js'
import { type LogUpdate, readUpdate } from './log-entry.js'
import type { LogSectors } from './log-sectors.js'

/** A stretch of the file that an update replaces. */
interface Patch {
  readonly offset: number
  readonly end: number
  readonly update: LogUpdate
}

/**
 * Lays updates over the file of a log: later ones hide earlier ones, and bytes past the file's end are zeros.
 *
 * Only where data is, is remembered; it is read from the log when it is asked for.
 */
export function overlaySource(log: LogSectors, updates: readonly LogUpdate[], sizeBytes: number): ByteSource {
  const { source } = log.file
  const patches = visiblePatches(updates)
  return {
    sizeBytes,
    read: async (offset, into) => {
      const stored = Math.max(0, Math.min(into.byteLength, source.sizeBytes - offset))
      if (stored > 0) await source.read(offset, into.subarray(0, stored))
      into.fill(0, stored)
      const end = offset + into.byteLength
      for (let index = firstPatch(patches, offset); index < patches.length; index++) {
        const patch = patches[index]
        if (patch === undefined || patch.offset >= end) break
        await applyPatch(log, patch, offset, into)
      }
    },
  }
}

async function applyPatch(log: LogSectors, patch: Patch, offset: number, into: Uint8Array): Promise<void> {
  const from = Math.max(patch.offset, offset)
  const to = Math.min(patch.end, offset + into.byteLength)
  const part = into.subarray(from - offset, to - offset)
  const { update } = patch
  if (update.kind === 'zero') part.fill(0)
  else {
    const bytes = await readUpdate(log.file, log.place(update.sector), update)
    part.set(bytes.subarray(from - patch.offset, to - patch.offset))
  }
}

/**
 * Cuts updates into stretches of which each belongs to the last update that wrote it, in ascending order.
 *
 * The newest update takes its stretches first, older ones what is left; `next` skips over what is taken, so that the
 * work stays small however updates overlap.
 */
function visiblePatches(updates: readonly LogUpdate[]): readonly Patch[] {
  const edges = [
    ...new Set(updates.flatMap(({ offset, length }) => [Number(offset), Number(offset + length)])),
  ].toSorted((a, b) => a - b)
  const edgeIndex = new Map(edges.map((edge, index) => [edge, index]))
  const next = edges.map((_, index) => index)
  const owners = new Map<number, LogUpdate>()
  const firstFree = (index: number) => {
    let free = index
    while ((next[free] ?? free) !== free) free = next[free] ?? free
    for (let at = index; at !== free; ) {
      const after = next[at] ?? free
      next[at] = free
      at = after
    }
    return free
  }
  for (const update of updates.toReversed()) {
    const end = edgeIndex.get(Number(update.offset + update.length)) ?? 0
    for (let index = firstFree(edgeIndex.get(Number(update.offset)) ?? 0); index < end; index = firstFree(index)) {
      owners.set(index, update)
      next[index] = index + 1
    }
  }
  return edges.flatMap((offset, index) => {
    const update = owners.get(index)
    const end = edges[index + 1]
    return update === undefined || end === undefined ? [] : [{ offset, end, update }]
  })
}

/** Finds the first patch that ends after an offset. */
function firstPatch(patches: readonly Patch[], offset: number): number {
  let [low, high] = [0, patches.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((patches[middle]?.end ?? 0) > offset) high = middle
    else low = middle + 1
  }
  return low
}
