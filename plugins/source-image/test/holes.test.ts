import { readFileSync } from 'node:fs'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { call, capture, filled, machineRoot, only, type Piece } from './support/machines.js'

const block = 4096

describe('extents of a sparse file', () => {
  it.each<[what: string, sizeBytes: number, pieces: readonly Piece[], data: readonly [number, number][]]>([
    ['without a hole', 4 * block, [[0, filled(4 * block)]], [[0, 4 * block]]],
    ['that is one hole', 1 << 30, [], []],
    ['with a hole at the end', 1 << 20, [[0, filled(block)]], [[0, block]]],
    ['with a hole at the start', 1 << 20, [[(1 << 20) - block, filled(block)]], [[(1 << 20) - block, block]]],
    [
      'with holes between',
      1 << 20,
      [
        [block, filled(block)],
        [8 * block, filled(2 * block)],
      ],
      [
        [block, block],
        [8 * block, 2 * block],
      ],
    ],
    ['of odd size ending in data', 10 * block + 123, [[10 * block, filled(123)]], [[10 * block, 123]]],
    ['of odd size ending in a hole', 10 * block + 123, [[0, filled(1)]], [[0, block]]],
    ['of one byte', 1, [[0, filled(1)]], [[0, 1]]],
    ['of no bytes', 0, [], []],
    ['beyond 4 GiB', 2 ** 33 + block, [[2 ** 33, filled(block)]], [[2 ** 33, block]]],
  ])('%s are its data', async (_what, sizeBytes, pieces, data) => {
    const root = machineRoot()
    root.disk('web/a.raw', sizeBytes, pieces)
    const [disk] = (await capture(root.path, 'web')).disks
    const extents = await toArray(disk!.extents(undefined, call))
    expect(only('data', extents)).toEqual(data)
    expect(extents.reduce((end, { offset, length }) => (offset === end ? offset + length : Number.NaN), 0)).toBe(
      sizeBytes,
    )
  })

  it('equal a scan of every block, for a thousand scattered writes', async () => {
    const root = machineRoot()
    const blocks = 8192
    const used = new Set(Array.from({ length: 1000 }, (_, i) => (i * 2_654_435_761) % blocks))
    const file = root.disk(
      'web/a.raw',
      blocks * block,
      [...used].map((at) => [at * block, filled(block, at)] as const),
    )
    const [disk] = (await capture(root.path, 'web')).disks
    const data = only('data', await toArray(disk!.extents(undefined, call)))
    const mapped = new Set(
      data.flatMap(([offset, length]) => Array.from({ length: length / block }, (_, i) => offset / block + i)),
    )
    const bytes = readFileSync(file)
    const scanned = Array.from({ length: blocks }, (_, at) => at).filter((at) =>
      bytes.subarray(at * block, (at + 1) * block).some((byte) => byte !== 0),
    )
    expect([...mapped]).toEqual(scanned)
  })

  it('of 64 GiB take no longer than of 1 MiB', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 2 ** 36, [[2 ** 35, filled(block)]])
    const [disk] = (await capture(root.path, 'web')).disks
    const started = performance.now()
    await toArray(disk!.extents(undefined, call))
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
