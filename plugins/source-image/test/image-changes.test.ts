import { describe, expect, it } from 'vitest'
import type { DiskLayer } from '../src/disks/disk-content.js'
import { imageChanges, markImages } from '../src/tracking/image-changes.js'
import { bitmapOf, knownFile, layer } from './support/layers.js'

const now = new Date(100_000)
const images = (...layers: readonly [DiskLayer, ...DiskLayer[]]) => ({ layers, sizeBytes: layers[0].sizeBytes })
const written = knownFile('/web/disk.qcow2', { changedNs: 3_000_000_001n })

/** What is known of changes between two states of a disk's images. */
async function changes(before: ReturnType<typeof images>, after: ReturnType<typeof images>) {
  const mark = await markImages(before, now)
  return mark === undefined ? undefined : imageChanges(after, mark)
}

describe('what changed in images', () => {
  const child = layer({ files: [knownFile('/web/child', { inode: 70n })] })
  const recording = (...areas: readonly number[]) => layer({ bitmaps: [bitmapOf('b', areas)] })

  it('is nothing when nothing was written', async () => {
    expect(await changes(images(layer()), images(layer()))).toMatchObject({ known: true, newLayers: 0 })
  })

  it('is what new layers hold', async () => {
    expect(await changes(images(layer()), images(child, child, layer()))).toMatchObject({ known: true, newLayers: 2 })
  })

  it('is unknown once a layer was removed, whose changes come back', async () => {
    expect(await changes(images(child, layer()), images(layer()))).toMatchObject({ known: false })
  })

  it('is unknown once a layer beneath was written to, whatever is above it', async () => {
    const below = layer({ files: [knownFile('/web/base', { inode: 9n })] })
    const changed = layer({ files: [knownFile('/web/base', { inode: 9n, changedNs: 5_000_000_001n })] })
    for (const top of [layer(), recording(1)])
      expect(await changes(images(top, below), images(child, top, changed))).toMatchObject({
        known: false,
        reason: expect.stringMatching(/written to/),
      })
  })

  it('is unknown when any layer since has another size: it hides what lies past its end', async () => {
    const small = { ...child, sizeBytes: 1 << 19 }
    const large = { ...child, sizeBytes: 1 << 20 }
    for (const before of [layer(), recording(1)]) {
      expect(await changes(images(before), images(large, small, before))).toMatchObject({
        known: false,
        reason: expect.stringMatching(/resized/),
      })
      expect(await changes(images(before), images(small, before))).toMatchObject({
        known: false,
        reason: expect.stringMatching(/resized/),
      })
    }
  })

  it('is unknown when a bitmap was there, but the disk was resized', async () => {
    const after = { ...recording(1, 2), sizeBytes: 2 << 20, files: [written] }
    expect(await changes(images(recording(1)), images(after))).toMatchObject({
      known: false,
      reason: expect.stringMatching(/resized/),
    })
  })

  it('is what a bitmap has dirty, and the least of several', async () => {
    const before = layer({ bitmaps: [bitmapOf('a', [1, 2, 3]), bitmapOf('b', [2])] })
    const after = layer({ bitmaps: [bitmapOf('a', [1, 2, 3, 4]), bitmapOf('b', [2, 4])], files: [written] })
    expect(await changes(images(before), images(after))).toMatchObject({
      known: true,
      reason: expect.stringMatching(/'b'/),
    })
  })

  it('is unknown when bitmaps came later, or belong to another image', async () => {
    const after = layer({ bitmaps: [bitmapOf('b', [1])], files: [written] })
    expect(await changes(images(layer()), images(after))).toMatchObject({ known: false })
    const other = layer({ bitmaps: [bitmapOf('b', [1])], files: [knownFile('/web/disk.qcow2', { inode: 8n })] })
    expect(await changes(images(recording(1)), images(other))).toMatchObject({ known: false })
    const reborn = layer({
      bitmaps: [bitmapOf('b', [1])],
      files: [knownFile('/web/disk.qcow2', { bornNs: 6n, changedNs: 9n })],
    })
    expect(await changes(images(recording(1)), images(reborn))).toMatchObject({ known: false })
  })

  it('is not told by stamps that cannot be relied on', async () => {
    const young = layer({ files: [knownFile('/web/disk.raw', { modifiedNs: 0n, changedNs: 99_000_000_000n })] })
    expect(await changes(images(young), images(young))).toBeUndefined()
    // Its own bitmaps know what was written to it, but not what was written to its parent.
    const top = layer({ bitmaps: [bitmapOf('b', [1])], files: young.files })
    expect(await changes(images(top), images(top))).toMatchObject({ known: true })
    expect(await changes(images(top, young), images(top, young))).toBeUndefined()
  })

  it('is told without letting a bitmap steer a terminal', async () => {
    const before = layer({ bitmaps: [bitmapOf('b\u001b[2J', [1])] })
    for (const areas of [[1, 2], []]) {
      const after = layer({ bitmaps: [bitmapOf('b\u001b[2J', areas)], files: [written] })
      expect(await changes(images(before), images(after))).toMatchObject({
        reason: expect.not.stringMatching(/\p{Cc}/u),
      })
    }
  })

  it('is not told by a bitmap that is broken', async () => {
    const { ImageError } = await import('@holdfast/formats')
    const broken = {
      ...bitmapOf('b', [1]),
      dirty: async function* () {
        yield* []
        throw new ImageError('corrupt', 'no')
      },
    }
    const after = layer({ bitmaps: [broken], files: [written] })
    expect(await changes(images(recording(1)), images(after))).toMatchObject({
      known: false,
      reason: expect.stringMatching(/'b' is broken/),
    })
    expect(await markImages(images(after), now)).not.toHaveProperty('recorder')
  })
})
