import { inflate } from 'node:zlib'
import { allocate } from '../bytes/allocate.js'
import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { assertWithin } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { PackedUnit } from '../image/layer.js'
import { type GrainMap, grainLength } from './grain-map.js'
import { sectorBytes } from './sectors.js'

/** Before a compressed grain: its first sector on the disk, and the bytes that follow (5.0, "Compressed Grains"). */
export const grainMarkerBytes = 12

/** Where a compressed grain belongs and how long it is. */
export interface GrainMarker {
  readonly sector: number
  readonly length: number
}

/** Parses a grain marker and checks it against the entry that led to it. @throws ImageError `corrupt` */
export function parseGrainMarker(bytes: Uint8Array, map: GrainMap, grain: number, place: number): GrainMarker {
  const { file, grainBytes } = map
  const { u64, u32 } = fields(bytes, 'little', file.name)
  const [sector, length] = [u64(0), u32(8)]
  if (sector * sectorBytes !== grain * grainBytes)
    throw corrupt(
      `grain ${grain} is at ${place}, but the marker there is of sector ${sector} of the disk`,
      file.name,
      place,
    )
  // What does not compress grows a little; nothing grows to twice its size.
  if (length === 0 || length > 2 * grainBytes)
    throw corrupt(`grain ${grain} at ${place} claims ${length} compressed bytes`, file.name, place)
  assertWithin(place + grainMarkerBytes, length, file, `compressed grain ${grain}`)
  return { sector, length }
}

/** Makes the unit of a compressed grain. `likelyEnd` is where it may end, so that one read is enough. */
export function packedGrain(map: GrainMap, grain: number, place: number, likelyEnd: number): PackedUnit {
  const length = grainLength(map, grain)
  return {
    offset: grain * map.grainBytes,
    length,
    source: map.file.source,
    at: place,
    unpack: async () => {
      const packed = await readPacked(map, grain, place, likelyEnd)
      const bytes = await inflateGrain(packed, map, grain, place)
      if (bytes.byteLength >= length) return bytes.subarray(0, length)
      throw corrupt(
        `grain ${grain} at ${place} holds ${bytes.byteLength} bytes instead of ${length}`,
        map.file.name,
        place,
      )
    },
  }
}

async function readPacked(map: GrainMap, grain: number, place: number, likelyEnd: number): Promise<Uint8Array> {
  const { file, grainBytes } = map
  const { sizeBytes } = file.source
  const most = Math.min(sizeBytes, place + grainBytes + sectorBytes)
  const guess = await readBytes(file, place, (likelyEnd > place ? Math.min(likelyEnd, most) : most) - place)
  const { length } = parseGrainMarker(guess, map, grain, place)
  const end = grainMarkerBytes + length
  if (end <= guess.byteLength) return guess.subarray(grainMarkerBytes, end)
  return readBytes(file, place + grainMarkerBytes, length)
}

async function readBytes({ name, source }: NamedSource, at: number, length: number): Promise<Uint8Array> {
  const bytes = allocate(length, 'a compressed grain', name)
  await source.read(at, bytes)
  return bytes
}

function inflateGrain(packed: Uint8Array, map: GrainMap, grain: number, place: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    inflate(packed, { maxOutputLength: map.grainBytes }, (cause, bytes) => {
      if (cause === null) return resolve(bytes)
      const message = `grain ${grain} at ${place} cannot be decompressed: ${cause.message}`
      reject(
        new ImageError('corrupt', message, {
          file: map.file.name,
          offset: place,
          hint: 'Restore the file from a good copy; no part of it was guessed.',
          cause,
        }),
      )
    })
  })
}
