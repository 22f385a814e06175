import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { seededBytes } from '@holdfast/testkit/images'
import fc from 'fast-check'
import { tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, test } from 'vitest'
import { type OverlayDisk, overlayDisk } from '../src/engine/overlay-disk.js'
import { memoryDisk } from './support/memory-disk.js'

const call = { signal: new AbortController().signal }
const { path: parent } = tempFolder(afterAll)
let serial = 0
const newFolder = () => join(parent, String(++serial))

/** A few blocks, and an end inside of one. */
const sizeBytes = 9 * 4096 + 700
const below = seededBytes(sizeBytes, 3)

/** Offsets and lengths that like the edges of blocks. */
const offset = fc.oneof(
  fc.nat(sizeBytes),
  fc.nat(9).map((block) => block * 4096),
  fc.nat(9).map((block) => Math.min(sizeBytes, block * 4096 + 1)),
)
const action = fc.record({
  kind: fc.constantFrom('write', 'zero', 'takeRoom', 'flush', 'reopen'),
  from: offset,
  to: offset,
  seed: fc.nat(),
})

type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

function rangeOf({ from, to }: Action) {
  return { start: Math.min(from, to), end: Math.max(from, to) }
}

async function perform(overlay: OverlayDisk, one: Action): Promise<void> {
  const { start, end } = rangeOf(one)
  if (one.kind === 'write') await overlay.write(start, seededBytes(end - start, one.seed), call)
  if (one.kind === 'zero') await overlay.writeZeros(start, end - start, call)
  if (one.kind === 'takeRoom') await overlay.writeZeros(start, end - start, { ...call, takeRoom: true })
  if (one.kind === 'flush') await overlay.flush(call)
}

function performOn(model: Uint8Array, one: Action): void {
  const { start, end } = rangeOf(one)
  if (one.kind === 'write') model.set(seededBytes(end - start, one.seed), start)
  if (one.kind === 'zero' || one.kind === 'takeRoom') model.fill(0, start, end)
}

async function expectEqual(overlay: OverlayDisk, model: Uint8Array): Promise<void> {
  const whole = new Uint8Array(sizeBytes).fill(0xee)
  await overlay.read(0, whole, call)
  expect(Buffer.compare(whole, model)).toBe(0)
}

describe('an overlay', () => {
  test('reads as a disk that was really written, after any actions, kept or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), fc.boolean(), async (actions, isKept) => {
        const folder = newFolder()
        const { disk } = memoryDisk(below)
        const open = () => overlayDisk(disk, { folder, ...call, ...(isKept && { keptFor: 'a point' }) })
        let overlay = await open()
        const model = below.slice()
        for (const one of actions) {
          if (one.kind === 'reopen' && isKept) {
            await overlay[Symbol.asyncDispose]()
            overlay = await open()
          }
          await perform(overlay, one)
          performOn(model, one)
          await expectEqual(overlay, model)
          const { start, end } = rangeOf(one)
          let at = start
          for await (const extent of overlay.extents(start, end - start, call)) {
            expect(extent.offset).toBe(at)
            at += extent.length
            if (extent.kind === 'zero') expect(model.subarray(extent.offset, at).every((byte) => byte === 0)).toBe(true)
          }
          expect(at).toBe(end)
        }
        await overlay[Symbol.asyncDispose]()
        expect(readdirSync(folder).toSorted()).toEqual(isKept ? ['sda.data', 'sda.journal'] : [])
      }),
      { numRuns: 80 },
    )
    expect(Buffer.compare(below, seededBytes(sizeBytes, 3))).toBe(0)
  })

  test('loses nothing of writes at the same time that do not overlap', async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: sizeBytes - 1 }), { minLength: 1, maxLength: 12 })
    const kinds = fc.array(fc.constantFrom('write', 'zero'), { minLength: 13, maxLength: 13 })
    await fc.assert(
      fc.asyncProperty(cuts, kinds, fc.boolean(), async (places, what, isTwice) => {
        const edges = [0, ...places.toSorted((a, b) => a - b), sizeBytes]
        await using overlay = await overlayDisk(memoryDisk(below).disk, { folder: newFolder(), ...call })
        const model = below.slice()
        for (let round = 0; round < (isTwice ? 2 : 1); round++) {
          const all = edges
            .slice(1)
            .map((to, i) => ({ kind: what[i] ?? 'write', from: edges[i] ?? 0, to, seed: i + round }))
          await Promise.all(all.map((one) => perform(overlay, one)))
          for (const one of all) performOn(model, one)
        }
        await expectEqual(overlay, model)
      }),
      { numRuns: 60 },
    )
  })
})
