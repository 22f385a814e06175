import { chainRuns } from './chain-runs.js'
import type { ImageLayer, PackedRun, PackedUnit } from './layer.js'

/** Reads that one call keeps under way; each belongs to another place of a file. */
const readsAtOnce = 16

/** Decompressed units that are kept, for readers that ask for less than a unit at a time. */
const unpackedLimit = { units: 64, bytes: 8 * 2 ** 20 }

/** Makes the function that reads the disk which the layers add up to. */
export function chainReader(layers: readonly ImageLayer[]): (offset: number, into: Uint8Array) => Promise<void> {
  const unpacked = unpackedUnits()
  return async (offset, into) => {
    const underWay: Promise<void>[] = []
    try {
      for await (const run of chainRuns(layers, { offset, length: into.byteLength })) {
        const part = into.subarray(run.offset - offset, run.offset - offset + run.length)
        if (run.kind === 'stored') underWay.push(run.source.read(run.at, part))
        else if (run.kind === 'packed') underWay.push(copyPacked(run, part, unpacked))
        else part.fill(0)
        if (underWay.length >= readsAtOnce) await Promise.all(underWay.splice(0))
      }
      await Promise.all(underWay)
    } catch (error) {
      // `into` is the caller's: nothing may be written to it after this has thrown.
      await Promise.allSettled(underWay)
      throw error
    }
  }
}

async function copyPacked({ unit, offset, length }: PackedRun, into: Uint8Array, units: UnpackedUnits): Promise<void> {
  const bytes = await units.get(unit, length < unit.length)
  const from = offset - unit.offset
  into.set(bytes.subarray(from, from + length))
}

interface UnpackedUnits {
  readonly get: (unit: PackedUnit, keep: boolean) => Promise<Uint8Array>
}

/** Remembers units of which only a part was asked for, since the rest is often asked for next. */
function unpackedUnits(): UnpackedUnits {
  const kept: { readonly unit: PackedUnit; readonly bytes: Promise<Uint8Array> }[] = []
  let keptBytes = 0
  return {
    get: (unit, keep) => {
      const found = kept.find((known) => known.unit.at === unit.at && known.unit.source === unit.source)
      if (found !== undefined) return found.bytes
      const bytes = unit.unpack()
      if (!keep) return bytes
      kept.push({ unit, bytes })
      keptBytes += unit.length
      while (kept.length > unpackedLimit.units || keptBytes > unpackedLimit.bytes)
        keptBytes -= kept.shift()?.unit.length ?? 0
      return bytes
    },
  }
}
