import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished, test } from 'vitest'
import { writeMultipliedImage } from '../workloads/multiplied-image.ts'
import { writeScatteredImage } from '../workloads/scattered-image.ts'
import { mib } from '../workloads/units.ts'

/** Three regions: text, a hole, text. */
function original(folder: string): string {
  const image = join(folder, 'original')
  const text = Buffer.alloc(mib, 'a line of a log file\n')
  writeFileSync(image, Buffer.concat([text, Buffer.alloc(mib), Buffer.from(text).reverse()]))
  return image
}

test('a multiplied image is as sparse as its original and none of its data is there twice', () => {
  const folder = tempFolder(onTestFinished).path
  const image = join(folder, 'image')
  writeMultipliedImage(image, original(folder), 4)
  const content = readFileSync(image)
  expect(content.length).toBe(12 * mib)
  expect(statSync(image).blocks * 512).toBeLessThanOrEqual(8 * mib + 64 * 1024)
  const digests = new Set<string>()
  for (let region = 0; region < 12; region++) {
    const data = content.subarray(region * mib, (region + 1) * mib)
    if (region % 3 === 1) expect(data.every((byte) => byte === 0)).toBe(true)
    else digests.add(createHash('sha256').update(data).digest('hex'))
  }
  expect(digests.size).toBe(8)
})

test('a scattered image holds each region of its original, spread from start to end', () => {
  const folder = tempFolder(onTestFinished).path
  const image = join(folder, 'image')
  const source = readFileSync(original(folder))
  writeScatteredImage(image, original(folder), 12 * mib)
  const content = readFileSync(image)
  expect(content.length).toBe(12 * mib)
  expect(content.subarray(0, mib).equals(source.subarray(0, mib))).toBe(true)
  expect(content.subarray(8 * mib, 9 * mib).equals(source.subarray(2 * mib))).toBe(true)
  expect(content.subarray(mib, 8 * mib).every((byte) => byte === 0)).toBe(true)
})
