import { restorePoint, workerPool } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { zstdTransform } from '@holdfast/transform-zstd'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'
import { dottedImage } from './support/sources.js'

const { init, run, open, points, restore, verify } = lab({ workers: 2 })
const mebi = 2 ** 20
const transforms = [zstdTransform({ level: 1 })]

async function roundTrip(disks: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const target = { name: 't', plugin: memoryTarget(), transforms }
  await init(target)
  const report = await run(memorySource({ machines: [{ name: 'm', disks }] }), [target])
  expect(report.status).toBe('done')
  const [entry] = await points(target)
  const restored = entry && (await restore(target, entry.point))
  for (const [name, bytes] of Object.entries(disks)) {
    expect.soft(equalBytes(restored?.get(name), bytes), name).toBe(true)
  }
}

describe('disks of any shape come back', () => {
  test('small and odd ones', () =>
    roundTrip(
      Object.fromEntries(
        [0, 1, 3, 511, 512, 4095, 4096, 4097, 65_537].map((size) => [`d${size}`, seededBytes(size, size)]),
      ),
    ))

  test('one byte around a region', () =>
    roundTrip(Object.fromEntries([-1, 0, 1].map((more) => [`d${more}`, seededBytes(4 * mebi + more, 5)]))))

  test('one byte around a leaf', () =>
    roundTrip(Object.fromEntries([-1, 0, 1].map((more) => [`d${more}`, seededBytes(32 * mebi + more, 6)]))))

  test('nothing but zeros, nothing but one value', () =>
    roundTrip({ zeros: new Uint8Array(5 * mebi + 17), ones: new Uint8Array(5 * mebi + 17).fill(1) }))

  test('thousands of tiny extents', async () => {
    const bytes = new Uint8Array(20 * mebi)
    for (let at = 300; at + 700 < bytes.length; at += 8192 + 300) bytes.set(seededBytes(700, at), at)
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const image = {
      sizeBytes: bytes.length,
      fillRange: (offset: number, into: Uint8Array) => into.set(bytes.subarray(offset, offset + into.length)),
      extents: function* () {
        for (let at = 300; at + 700 < bytes.length; at += 8192 + 300)
          yield { offset: at, length: 700, kind: 'data' as const }
      },
    }
    await run(memorySource({ machines: [{ name: 'm', disks: { d: image } }] }), [target])
    const [entry] = await points(target)
    expect(equalBytes(entry && (await restore(target, entry.point)).get('d'), bytes)).toBe(true)
  })

  test('a huge one with one block in each of thousands of leaves', async () => {
    const target = { name: 't', plugin: memoryTarget(), transforms }
    await init(target)
    const stepBytes = 32 * mebi
    const leaves = 3000
    const image = dottedImage(leaves * stepBytes, stepBytes)
    expect((await run(memorySource({ machines: [{ name: 'm', disks: { d: image } }] }), [target])).status).toBe('done')
    expect((await verify(target)).damage).toEqual([])
    await using opened = await open(target)
    await using pool = workerPool(1)
    const call = { signal: new AbortController().signal }
    const [entry] = (await opened.repository.points.list(call)).entries
    if (entry === undefined) throw new Error('there is no point')
    const wrong: number[] = []
    let blocks = 0
    const provision = async () => ({
      location: 'nowhere',
      disks: entry.point.disks.map(({ id, sizeBytes }) => ({
        id,
        sizeBytes,
        write: async (offset: number, data: Uint8Array) => {
          blocks++
          const wanted = new Uint8Array(data.length)
          image.fillRange(offset, wanted)
          if (!equalBytes(wanted, data.slice())) wrong.push(offset)
        },
      })),
      commit: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    })
    await restorePoint(opened.repository, entry.point, provision, pool, call)
    expect(wrong).toEqual([])
    expect(blocks).toBe(leaves)
  })
})
