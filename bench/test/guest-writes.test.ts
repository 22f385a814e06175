import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished, test } from 'vitest'
import { writeLikeGuest } from '../workloads/guest-writes.ts'
import { writeIncompressible } from '../workloads/incompressible.ts'
import { blockBytes, mib } from '../workloads/units.ts'

const sizeBytes = 24 * mib

function changedImage(seed: number) {
  const folder = tempFolder(onTestFinished).path
  const original = join(folder, 'original')
  const image = join(folder, 'image')
  writeIncompressible(original, sizeBytes)
  copyFileSync(original, image)
  const changes = writeLikeGuest(image, { seed, share: 0.05 })
  return { before: readFileSync(original), after: readFileSync(image), changes }
}

test('every byte that a guest changed lies in the changes it reports', () => {
  const { before, after, changes } = changedImage(1)
  const restored = Buffer.from(after)
  for (const [offset, length] of changes) before.copy(restored, offset, offset, offset + length)
  expect(restored.equals(before)).toBe(true)
  expect(after.equals(before)).toBe(false)
})

test('every block that is reported as changed was changed', () => {
  const { before, after, changes } = changedImage(2)
  for (const [offset, length] of changes) {
    for (let at = offset; at < offset + length; at += blockBytes) {
      expect(after.subarray(at, at + blockBytes).equals(before.subarray(at, at + blockBytes)), `block at ${at}`).toBe(
        false,
      )
    }
  }
})

test('changes are sorted and do not touch, and come to the asked share or a little less', () => {
  const { changes } = changedImage(3)
  let end = -1
  for (const [offset, length] of changes) {
    expect(offset).toBeGreaterThan(end)
    end = offset + length
  }
  const total = changes.reduce((sum, [, length]) => sum + length, 0)
  expect(total).toBeLessThanOrEqual(sizeBytes * 0.05)
  expect(total).toBeGreaterThan(sizeBytes * 0.02)
})

test('the same seed writes the same day, another seed another', () => {
  const [first, again, other] = [changedImage(4), changedImage(4), changedImage(5)]
  expect(first.after.equals(again.after)).toBe(true)
  expect(first.changes).toEqual(again.changes)
  expect(first.after.equals(other.after)).toBe(false)
})

test('an empty disk is refused: nothing could change on it', () => {
  const image = tempFolder(onTestFinished).at('image')
  writeFileSync(image, Buffer.alloc(mib))
  expect(() => writeLikeGuest(image, { seed: 1, share: 0.05 })).toThrow(/holds only zeros/)
})
