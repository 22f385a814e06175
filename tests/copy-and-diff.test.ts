import { copyPoints, diffPoints } from '@holdfast/core/engine'
import { seededBytes, seededNumbers } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'
import { expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'

const { init, run, open, points, restore, verify } = lab({ workers: 1 })
const call = { signal: new AbortController().signal }

/** A disk over two leaves with holes, and what it was at each of some points. */
async function history(days: number) {
  const target = { name: 'from', plugin: memoryTarget(), transforms: [zstdTransform({ level: 1 })] }
  await init(target)
  const bytes = new Uint8Array(36 * 2 ** 20)
  bytes.set(seededBytes(3_000_000, 1), 2_000_000)
  bytes.set(seededBytes(1_000_000, 2), 33 * 2 ** 20)
  const source = memorySource({ machines: [{ name: 'm', disks: { d: bytes, e: seededBytes(10_000, 9) } }] })
  const random = seededNumbers(3)
  const states: Uint8Array[] = []
  for (let day = 0; day < days; day++) {
    await run(source, [target])
    states.push(source.bytes('m', 'd'))
    for (let i = 0; i < 5; i++) {
      const length = 1 + (random() % 200_000)
      const at = random() % (bytes.length - length)
      source.mutate('m', 'd', at, i < 2 ? new Uint8Array(length) : seededBytes(length, random()))
    }
    source.mutate('m', 'd', 2_500_000, day % 2 === 0 ? new Uint8Array(500_000) : seededBytes(500_000, day))
  }
  return { target, states, source }
}

test('copied points restore alike under other keys, are copied once, and later ones cost their difference', async () => {
  const { target, states, source } = await history(3)
  const transforms = [zstdTransform({ level: 1 }), aesGcmTransform({ passphrase: { env: 'COPY' } })]
  const copy = { name: 'to', plugin: memoryTarget(), transforms }
  await init(copy)
  await using from = await open(target)
  await using to = await open(copy)
  const copyAll = async () =>
    copyPoints(from.repository, to.repository, await points(target), { ...call, transforms, workers: 1 })
  const { copied } = await copyAll()
  expect(copied).toHaveLength(3)
  expect(copied[1]?.storedBytes).toBeLessThan((copied[0]?.storedBytes ?? 0) / 2)
  const restored = async () => {
    const found: (Uint8Array | undefined)[] = []
    for (const { point } of await points(copy)) found.push((await restore(copy, point)).get('d'))
    return found
  }
  expect((await restored()).map((bytes, day) => equalBytes(bytes, states[day]))).toEqual([true, true, true])
  expect(await copyAll()).toMatchObject({ copied: [], skipped: copied.map(({ point }) => point) })
  await run(source, [target])
  expect((await copyAll()).copied).toHaveLength(1)
  expect(equalBytes((await restored())[3], source.bytes('m', 'd'))).toBe(true)
  expect((await verify(copy)).damage).toEqual([])
})

test('a difference covers every changed byte, and names as zero only what reads as zeros', async () => {
  const { target, states } = await history(4)
  await using opened = await open(target)
  const entries = await points(target)
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [0, 3],
    [3, 0],
    [2, 2],
  ] as const) {
    const [before, after] = [entries[a], entries[b]]
    if (before === undefined || after === undefined) throw new Error('a point is missing')
    const [disk, other] = await diffPoints(opened.repository, before.point, after.point, call)
    expect(other).toMatchObject({ disk: 'e', change: 'unchanged', changedBytes: 0 })
    expect(disk?.change).toBe(a === b ? 'unchanged' : 'changed')
    // Laying the difference over the older disk must give the newer one.
    const rebuilt = Uint8Array.from(states[a] ?? [])
    let end = 0
    for (const { offset, length, kind } of disk?.extents ?? []) {
      expect(offset).toBeGreaterThanOrEqual(end)
      end = offset + length
      if (kind === 'data') rebuilt.set((states[b] ?? new Uint8Array()).subarray(offset, end), offset)
      else rebuilt.fill(0, offset, end)
    }
    expect(equalBytes(rebuilt, states[b])).toBe(true)
    expect(disk?.changedBytes).toBeLessThan(20 * 2 ** 20)
  }
})
