import { describe, expect, it } from 'vitest'
import type { ImageProblem } from '../src/image/layer.js'
import { readBitmapDirectory } from '../src/qcow2/bitmap-directory.js'
import { readHeader } from '../src/qcow2/header.js'
import { refcountProblems } from '../src/qcow2/refcount-check.js'
import { memoryFile } from './support/memory-file.js'
import { type Change, changed, openBytes } from './support/qcow2-memory.js'
import { everything, outside, subclustered } from './support/qcow2-samples.js'
import { encodeVector, extendedL2Bit } from './support/qcow2-vectors.js'

const cluster = 512
const whole = everything()

async function problemsOf(bytes: Uint8Array): Promise<readonly ImageProblem[]> {
  const image = await openBytes(bytes)
  const found: ImageProblem[] = []
  for await (const problem of image.problems()) found.push(problem)
  return found
}

describe('qcow2: checks', () => {
  const place = (index: number) => whole.data.get(index) ?? 0
  const count = (offset: number) => whole.refcountBlocks + (offset / cluster) * 2

  it('find nothing in what is right', async () => {
    for (const vector of [whole, subclustered(), outside()]) expect(await problemsOf(vector.bytes)).toEqual([])
    for (const refcountOrder of [0, 1, 2, 3, 5, 6]) {
      const vector = encodeVector({
        sizeBytes: cluster,
        refcountOrder,
        clusters: { 0: { kind: 'data', bytes: new Uint8Array(cluster) } },
      })
      expect(await problemsOf(vector.bytes)).toEqual([])
    }
  })

  it('tell places and counts, neighbours together', async () => {
    const changes: Change[] = [
      [count(place(63)), 2, 9],
      [count(place(64)), 2, 0],
    ]
    expect(await problemsOf(changed(whole.bytes, ...changes))).toEqual([
      {
        severity: 'leak',
        message: `1 clusters from ${place(63)} on have refcount 9, but are referred to 3 times.`,
        offset: place(63),
        file: 'disk',
      },
      {
        severity: 'corrupt',
        message: `1 clusters from ${place(64)} on have refcount 0, but are referred to 3 times.`,
        offset: place(64),
        file: 'disk',
      },
    ])
    const gone = await problemsOf(changed(whole.bytes, [whole.refcountTable, 8, 0]))
    expect(gone.length).toBeLessThan(12)
    expect(gone).toContainEqual(expect.objectContaining({ severity: 'corrupt', offset: 0 }))
  })

  it('know that refcounts of a dirty image are behind', async () => {
    const changes: Change[] = [
      [count(place(63)), 2, 0],
      [72, 8, 1],
    ]
    const found = await problemsOf(changed(whole.bytes, ...changes))
    expect(found.map(({ severity }) => severity)).toEqual(['note', 'note'])
  })

  it('pass on that a program found damage', async () => {
    expect(await problemsOf(changed(whole.bytes, [72, 8, 2]))).toMatchObject([{ severity: 'corrupt' }])
  })

  it('note contradictions in the header', async () => {
    const bytes = encodeVector({ sizeBytes: cluster, autoclear: 1n }).bytes
    expect(await problemsOf(bytes)).toMatchObject([
      { severity: 'note', message: expect.stringContaining('there are none') },
    ])
  })

  it('note an entry that hides that it is alone', async () => {
    const vector = encodeVector({
      sizeBytes: cluster,
      clusters: { 0: { kind: 'data', bytes: new Uint8Array(cluster) } },
    })
    expect(await problemsOf(changed(vector.bytes, [vector.entry(0), 1, 0]))).toMatchObject([{ severity: 'note' }])
  })

  it('find two entries that lead to one refcount block', async () => {
    const bytes = changed(
      whole.bytes,
      [whole.refcountTable + 8, 8, whole.refcountBlocks],
      [count(whole.refcountBlocks), 2, 2],
    )
    expect(await problemsOf(bytes)).toMatchObject([
      { severity: 'corrupt', message: expect.stringContaining('Two entries') },
    ])
  })

  it.each<[string, readonly Change[], RegExp]>([
    ['past the end', [[whole.snapshots, 8, 2 ** 40]], /not within/],
    ['off its cluster', [[whole.snapshots, 8, whole.l1 + 8]], /does not begin with a cluster/],
    ['after an entry that has no end', [[whole.snapshots + 36, 4, 0xffffffffn]], /ends past the end/],
  ])('find the L1 table of a snapshot %s', async (_name, changes, message) => {
    expect(await problemsOf(changed(whole.bytes, ...changes))).toMatchObject([
      { severity: 'corrupt', message: expect.stringMatching(message) },
    ])
  })

  it('count a table as often as snapshots share it', async () => {
    const view = new DataView(whole.bytes.buffer, whole.bytes.byteOffset)
    const [first, second] = [0, 64].map((at) => Number(view.getBigUint64(whole.snapshots + at)))
    const found = await problemsOf(changed(whole.bytes, [whole.snapshots + 64, 8, first ?? 0]))
    expect(found.map(({ severity, offset }) => [severity, offset])).toEqual([
      ['corrupt', first],
      ['leak', second],
    ])
  })

  it('find the same in stretches of any size', async () => {
    const wide = encodeVector({
      clusterBits: 14,
      sizeBytes: 40 * 16_384,
      incompatible: extendedL2Bit,
      snapshots: 3,
      clusters: Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [i, { kind: 'data', bytes: Uint8Array.of(i) }]),
      ),
    })
    const damaged = [
      changed(
        whole.bytes,
        [count(place(63)), 2, 9],
        [count(place(4)), 2, 0],
        [whole.entry(64), 1, 0x80],
        [whole.entry(200) + 7, 1, 4],
      ),
      changed(wide.bytes, [wide.refcountBlocks + 30, 2, 1], [wide.entry(12), 8, 1n << 40n], [wide.l1, 1, 0x80]),
    ]
    for (const bytes of damaged) {
      const file = memoryFile('disk', bytes).named()
      const header = await readHeader(file)
      const bitmaps = await readBitmapDirectory(file, header)
      const rules = { version: header.version, geometry: header.geometry, dataFile: false }
      const find = async (window: number) => {
        const found: string[] = []
        for await (const { severity, offset } of refcountProblems({ file, header, rules, bitmaps }, window))
          found.push(`${severity} ${offset}`)
        return found.toSorted()
      }
      const all = await find(4096)
      expect(all.length).toBeGreaterThan(2)
      for (const window of [8, 16]) expect(await find(window)).toEqual(all)
    }
  })
})
