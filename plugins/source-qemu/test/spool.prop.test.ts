import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import { createSpool, type Spool } from '../src/push/spool.js'

const block = 65_536
const call = { signal: new AbortController().signal }
const zeroing = { ...call, noHole: true, fast: false }

describe('a spool', () => {
  const { path: folder } = tempFolder(afterAll)
  let made = 0
  const spool = (sizeBytes: number) => createSpool(join(folder, `s${made++}`), 'disk-0', sizeBytes)
  const write = (to: Spool, offset: number, bytes: Uint8Array) => to.shown.write?.(offset, bytes, call)

  it('holds what arrived, tells it from what did not, and keeps apart what changed', async () => {
    const step = fc.record({
      first: fc.nat({ max: 9 }),
      count: fc.integer({ min: 1, max: 4 }),
      value: fc.integer({ min: 0, max: 255 }),
      isZero: fc.boolean(),
      isChange: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.constantFrom(10 * block, 9 * block + 512),
        async (steps, sizeBytes) => {
          await using made = await spool(sizeBytes)
          const bytes = new Uint8Array(sizeBytes)
          const has = new Set<number>()
          const changed = new Set<number>()
          for (const { first, count, value, isZero, isChange } of steps) {
            const end = Math.min(sizeBytes, (first + count) * block)
            made.noteChanges(isChange)
            if (isZero) await made.shown.writeZeroes?.(first * block, end - first * block, zeroing)
            else await write(made, first * block, new Uint8Array(end - first * block).fill(value))
            bytes.fill(isZero ? 0 : value, first * block, end)
            for (let at = first; at * block < end; at++) {
              has.add(at)
              if (isChange) changed.add(at)
            }
          }
          const within = (which: 'all' | 'changed') =>
            [...made.extents(which)].flatMap(({ offset, length, kind }) => {
              if (kind === 'zero')
                expect(bytes.subarray(offset, offset + length).every((byte) => byte === 0)).toBe(true)
              return Array.from({ length: Math.ceil(length / block) }, (_, index) => offset / block + index)
            })
          const ascending = (blocks: Set<number>) => [...blocks].sort((a, b) => a - b)
          expect(within('all')).toEqual(ascending(has))
          expect(within('changed')).toEqual(ascending(changed))
          for (let at = 0; at * block < sizeBytes; at++) {
            const into = new Uint8Array(Math.min(block, sizeBytes - at * block) - 7)
            expect(made.holds(at * block + 7, into.length)).toBe(has.has(at))
            await made.read(at * block + 7, into)
            expect(Buffer.compare(into, bytes.subarray(at * block + 7, at * block + 7 + into.length))).toBe(0)
          }
          expect(made.holds(0, sizeBytes)).toBe(has.size === Math.ceil(sizeBytes / block))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('takes whole blocks only, of which the last may be short', async () => {
    await using made = await spool(2 * block + 512)
    for (const [offset, length] of [
      [512, block],
      [0, block - 512],
      [0, 2 * block + 511],
    ] as const) {
      await expect(write(made, offset, new Uint8Array(length))).rejects.toMatchObject({ errno: 'EINVAL' })
      await expect(made.shown.writeZeroes?.(offset, length, zeroing)).rejects.toMatchObject({ errno: 'EINVAL' })
    }
    expect([...made.extents('all')]).toEqual([])
    await write(made, 2 * block, new Uint8Array(512).fill(1))
    expect([...made.extents('all')]).toEqual([{ offset: 2 * block, length: 512, kind: 'data' }])
    expect(made.isFull()).toBe(false)
  })

  it('shows nothing to read, and leaves no file', async () => {
    await using made = await spool(block)
    await expect(made.shown.read(0, new Uint8Array(1), call)).rejects.toMatchObject({ errno: 'EPERM' })
    expect(readdirSync(folder)).toEqual([])
  })
})
