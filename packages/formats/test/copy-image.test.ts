import { expect, it } from 'vitest'
import { ascendingUnits } from '../src/image/ascending-units.js'
import { copyImage } from '../src/image/copy-image.js'
import type { ImageWriter } from '../src/image/image-writer.js'
import { isZero } from '../src/image/is-zero.js'
import { openImage } from '../src/image/open-image.js'
import { createRaw, rawCodec } from '../src/raw/index.js'
import { memoryFile } from './support/memory-file.js'
import { sampleDisk } from './support/sample-disk.js'

const disk = sampleDisk(11 * 2 ** 20 + 700)

function rawImage(source = memoryFile('disk', disk)) {
  return openImage(source.named(), { codecs: [rawCodec], format: 'raw' })
}

it('copies every byte, and leaves zeros out', async () => {
  const out = memoryFile('out')
  await using image = await rawImage()
  const places: number[] = []
  const report = await copyImage(image, await createRaw(out, { sizeBytes: disk.byteLength }), {
    onProgress: (done) => places.push(done),
  })
  expect(Buffer.compare(out.bytes(), disk)).toBe(0)
  expect(report.readBytes).toBe(disk.byteLength)
  expect(report.writtenBytes).toBeLessThan(disk.byteLength / 2)
  expect(out.allocatedBytes()).toBeLessThanOrEqual(report.writtenBytes + 8192)
  expect(places.at(-1)).toBe(disk.byteLength)
})

it('gives a writer of ascending ranges one after another, though reads end in any order', async () => {
  let reads = 0
  const slow = memoryFile('disk', disk)
  const source = {
    sizeBytes: disk.byteLength,
    read: async (offset: number, into: Uint8Array) => {
      const turn = reads++
      await new Promise((resolve) => setTimeout(resolve, turn % 2 === 0 ? 20 : 0))
      await slow.read(offset, into)
    },
  }
  const out = new Uint8Array(disk.byteLength + 65_536)
  const order: number[] = []
  const units = ascendingUnits({
    sizeBytes: disk.byteLength,
    unitBytes: 65_536,
    encode: async (bytes) => bytes,
    append: async (index, bytes) => {
      order.push(index)
      out.set(bytes, index * 65_536)
    },
  })
  const writer: ImageWriter = {
    format: 'qcow2',
    variant: 'test',
    sizeBytes: disk.byteLength,
    order: 'ascending',
    unitBytes: 65_536,
    ...units,
    close: units.finish,
  }
  await using image = await openImage(
    { name: 'disk', source, close: async () => {} },
    { codecs: [rawCodec], format: 'raw' },
  )
  await copyImage(image, writer)
  await writer.close()
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(Buffer.compare(out.subarray(0, disk.byteLength), disk)).toBe(0)
})

it('ends with the first failure, once nothing is under way any more', async () => {
  await using image = await rawImage()
  let underWay = 0
  const failing: ImageWriter = {
    ...(await createRaw(memoryFile(), { sizeBytes: disk.byteLength })),
    write: async (offset) => {
      underWay += 1
      await new Promise((resolve) => setTimeout(resolve, 5))
      underWay -= 1
      if (offset > 2 ** 20) throw new Error('disk full')
    },
  }
  await expect(copyImage(image, failing)).rejects.toThrow('disk full')
  expect(underWay).toBe(0)
})

it('finds a single byte that is not zero, wherever it is', () => {
  const bytes = new Uint8Array(200_000)
  expect(isZero(bytes)).toBe(true)
  for (const at of [0, 1, 65_535, 65_536, 70_000, 131_071, 131_072, 199_998, 199_999]) {
    bytes[at] = 1
    expect(isZero(bytes), `byte ${at}`).toBe(false)
    bytes[at] = 0
  }
  expect(isZero(new Uint8Array(0))).toBe(true)
})

it('looks for zeros in a part of the bytes alone', () => {
  const bytes = new Uint8Array(200_000)
  bytes[999] = 1
  bytes[150_000] = 1
  expect(isZero(bytes, 1000, 150_000)).toBe(true)
  expect(isZero(bytes, 999, 150_000)).toBe(false)
  expect(isZero(bytes, 1000, 150_001)).toBe(false)
  expect(isZero(bytes, 150_001)).toBe(true)
})

it('stops when it is aborted', async () => {
  await using image = await rawImage()
  const writer = await createRaw(memoryFile(), { sizeBytes: disk.byteLength })
  const aborted = copyImage(image, writer, { signal: AbortSignal.abort(new Error('stop')) })
  await expect(aborted).rejects.toThrow('stop')
})

it('ascending units refuse to go back, and tell a failed unit to whoever waits', async () => {
  const appended: number[] = []
  const units = ascendingUnits({
    sizeBytes: 2 ** 20,
    unitBytes: 4096,
    encode: async (bytes) => bytes,
    append: async (index) => {
      appended.push(index)
      if (index === 3) throw new Error('disk full')
    },
  })
  await units.write(0, new Uint8Array(5000).fill(1))
  await expect(units.write(4999, new Uint8Array(1))).rejects.toMatchObject({ code: 'order' })
  await units.zero(5000, 1000)
  await units.write(8192, new Uint8Array(4096))
  await units.flush()
  expect(appended).toEqual([0, 1])
  await units.write(12_288, new Uint8Array(4096).fill(1))
  await expect(units.flush()).rejects.toThrow('disk full')
  await expect(units.finish()).rejects.toThrow('disk full')
})
