import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, test } from 'vitest'
import { evolve, imageOf, imageSha256, readImage, seededImage, writeImageFile } from '../src/images/index.js'

const { path: folder } = tempFolder(afterAll)

describe('a seeded image', () => {
  test('is the same for the same seed on every machine', () => {
    expect(imageSha256(seededImage(3_000_001, 7))).toBe(imageSha256(seededImage(3_000_001, 7)))
    expect(imageSha256(seededImage(3_000_001, 7))).toBe(
      '436e6842429b8e8a2537e8f5ad6a3be5b5a51c710e2b204709542de6e69eb62e',
    )
    expect(imageSha256(seededImage(3_000_001, 8))).not.toBe(imageSha256(seededImage(3_000_001, 7)))
  })

  test('holds about as much data as asked for', () => {
    const image = seededImage(512 * 1024 * 1024, 1, { usedPercent: 30 })
    const used = [...image.extents()].reduce((sum, { kind, length }) => sum + (kind === 'data' ? length : 0), 0)
    expect(used / image.sizeBytes).toBeCloseTo(0.3, 1)
  })

  test('reads by range what it reads as a whole', () => {
    const image = seededImage(700_001, 2)
    const whole = readImage(image)
    for (const [offset, length] of [
      [0, 1],
      [65_535, 2],
      [1, 700_000],
      [699_999, 2],
      [131_071, 70_000],
    ] as const) {
      const part = new Uint8Array(length)
      image.fillRange(offset, part)
      expect(Buffer.compare(part, whole.subarray(offset, offset + length))).toBe(0)
    }
  })

  test('has extents that cover it and agree with its bytes', () => {
    const image = seededImage(2_000_001, 3)
    const bytes = readImage(image)
    let end = 0
    for (const { offset, length, kind } of image.extents()) {
      expect(offset).toBe(end)
      end = offset + length
      if (kind !== 'data') expect(bytes.subarray(offset, end).every((byte) => byte === 0)).toBe(true)
    }
    expect(end).toBe(image.sizeBytes)
  })

  test('needs no memory for its size', () => {
    const image = seededImage(2 ** 44, 4, { usedPercent: 100, repeatedPercent: 0 })
    const part = new Uint8Array(4096)
    image.fillRange(2 ** 43 + 5, part)
    expect(part.some((byte) => byte !== 0)).toBe(true)
  })
})

describe('evolving an image', () => {
  const before = seededImage(40_000_000, 5)
  const { image: after, changed } = evolve(before, 10, 6)

  test('lists every byte that differs', () => {
    const [old, now] = [readImage(before), readImage(after)]
    for (const { offset, length } of changed) now.set(old.subarray(offset, offset + length), offset)
    expect(Buffer.compare(now, old)).toBe(0)
  })

  test('changes about as much data as asked for, and drops some', () => {
    const data = [...before.extents()].reduce((sum, { kind, length }) => sum + (kind === 'data' ? length : 0), 0)
    const share = changed.reduce((sum, { length }) => sum + length, 0) / data
    expect(share).toBeGreaterThan(0.05)
    expect(share).toBeLessThan(0.15)
    expect(new Set(changed.map(({ kind }) => kind))).toEqual(new Set(['data', 'unallocated']))
  })

  test('keeps extents and bytes in agreement', () => {
    const bytes = readImage(after)
    for (const { offset, length, kind } of after.extents()) {
      if (kind !== 'data') expect(bytes.subarray(offset, offset + length).every((byte) => byte === 0)).toBe(true)
    }
  })

  test('leaves the image before as it was', () => {
    expect(imageSha256(before)).toBe(imageSha256(seededImage(40_000_000, 5)))
  })
})

test('an image file has the bytes of the image, and holes where it has none', async () => {
  const image = seededImage(8_000_001, 9, { usedPercent: 20 })
  const path = join(folder, 'disk.raw')
  await writeImageFile(path, image)
  expect(Buffer.compare(await readFile(path), readImage(image))).toBe(0)
  const { blocks, size } = await stat(path)
  expect(size).toBe(8_000_001)
  expect(blocks * 512).toBeLessThan(size / 2)
})

test('an image of bytes tells runs of zeros as unallocated', () => {
  const bytes = new Uint8Array(20_000)
  bytes[5_000] = 1
  expect([...imageOf(bytes).extents()]).toEqual([
    { offset: 0, length: 4096, kind: 'unallocated' },
    { offset: 4096, length: 4096, kind: 'data' },
    { offset: 8192, length: 11_808, kind: 'unallocated' },
  ])
})
