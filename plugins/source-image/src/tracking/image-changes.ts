import { isImageError } from '@holdfast/formats'
import type { DiskContent, DiskLayer } from '../disks/disk-content.js'
import { printable } from '../printable.js'
import { type BitmapMark, compareBitmap, markBitmap } from './bitmap-mark.js'
import { type ChangedSince, unknownChanges } from './changed-since.js'
import { type ImageMark, longestBitmapName, type RecorderMark } from './image-token.js'
import { hasFirmStamps, layerIdentity, layerStates } from './layer-state.js'

type Images = Pick<DiskContent, 'layers' | 'sizeBytes'>

/** Bitmaps that a token remembers, those with the least dirty first, and those that are looked at to find them. */
const bitmapLimits = { remembered: 6, measured: 64 } as const

/** Remembers a disk's images for the next capture; `undefined` when nothing could be told by them. */
export async function markImages({ layers, sizeBytes }: Images, now: Date): Promise<ImageMark | undefined> {
  const [image, ...parents] = layers
  const [state, beneath = ''] = layerStates(layers)
  const identity = hasFirmStamps(parents, now) ? layerIdentity(image) : undefined
  const bitmaps = identity === undefined ? [] : await markBitmaps(image)
  const mark: ImageMark = {
    sizeBytes,
    ...(state !== undefined && hasFirmStamps(layers, now) && { state }),
    ...(identity !== undefined && bitmaps.length > 0 && { recorder: { image: identity, beneath, bitmaps } }),
  }
  return mark.state === undefined && mark.recorder === undefined ? undefined : mark
}

async function markBitmaps({ bitmaps }: DiskLayer): Promise<readonly BitmapMark[]> {
  const marks: BitmapMark[] = []
  for (const bitmap of bitmaps.slice(0, bitmapLimits.measured)) {
    if (!bitmap.usable || JSON.stringify(bitmap.name).length > longestBitmapName) continue
    const mark = await unlessBroken(() => markBitmap(bitmap))
    if (mark !== undefined) marks.push(mark)
  }
  return marks.toSorted((a, b) => a.dirtyBytes - b.dirtyBytes).slice(0, bitmapLimits.remembered)
}

/** Finds what changed since images were remembered: the layers that came on top since, and what the bitmaps of the old top say. */
export async function imageChanges(images: Images, mark: ImageMark): Promise<ChangedSince> {
  const states = layerStates(images.layers)
  const same = mark.state === undefined ? -1 : states.indexOf(mark.state)
  if (same >= 0) return sizeKept(images, mark, same) ? untouched(same) : resized
  const { recorder } = mark
  if (recorder === undefined)
    return unknownChanges('the image was written to since the last capture, and has no bitmap from then')
  const at = images.layers.findIndex(
    (layer, index) => layerIdentity(layer) === recorder.image && (states[index + 1] ?? '') === recorder.beneath,
  )
  const layer = images.layers[at]
  if (layer === undefined)
    return unknownChanges('since the last capture the image was replaced, or one of its parents was written to')
  return sizeKept(images, mark, at) ? recordedBy(layer, recorder, at) : resized
}

async function recordedBy({ bitmaps }: DiskLayer, recorder: RecorderMark, newLayers: number): Promise<ChangedSince> {
  let best: { readonly dirtyBytes: number; readonly known: ChangedSince } | undefined
  const problems: string[] = []
  for (const mark of recorder.bitmaps) {
    const bitmap = bitmaps.find(({ name }) => name === mark.name)
    const outcome = await unlessBroken(() => compareBitmap(bitmap, mark))
    if (outcome?.counts !== true) problems.push(outcome?.reason ?? `bitmap '${printable(mark.name)}' is broken`)
    else if (bitmap !== undefined && outcome.dirtyBytes < (best?.dirtyBytes ?? Number.POSITIVE_INFINITY)) {
      const reason = `bitmap '${printable(mark.name)}' ${newLayers > 0 ? `and ${layersOnTop(newLayers)} have` : 'has'} recorded the changes since the last capture`
      best = { dirtyBytes: outcome.dirtyBytes, known: { known: true, reason, newLayers, ranges: bitmap.dirty } }
    }
  }
  return best?.known ?? unknownChanges(`the image was written to since the last capture, and ${problems.join(', ')}`)
}

function untouched(newLayers: number): ChangedSince {
  const reason =
    newLayers === 0
      ? 'the image is untouched since the last capture'
      : `the image of the last capture is untouched beneath ${layersOnTop(newLayers)}`
  return { known: true, reason, newLayers, ranges: () => [] }
}

/** A layer of another size hides what lies past its end, of which extents tell nothing. */
function sizeKept({ layers, sizeBytes }: Images, mark: ImageMark, at: number): boolean {
  return [sizeBytes, ...layers.slice(0, at + 1).map((layer) => layer.sizeBytes)].every(
    (size) => size === mark.sizeBytes,
  )
}

const resized = unknownChanges('the disk was resized since the last capture')

function layersOnTop(count: number): string {
  return count === 1 ? 'one newer layer' : `${count} newer layers`
}

/** A broken bitmap is one that cannot be relied on; the disk beside it can. */
async function unlessBroken<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isImageError(error)) return undefined
    throw error
  }
}
