import { describe, expect, it } from 'vitest'
import { volumeReader } from '../src/bytes/volume-reader.js'
import { type FileRun, openInline, openRuns } from '../src/file/open-runs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'

const disk = Uint8Array.from({ length: 100 }, (_, i) => i + 1)

function fileOf(sizeBytes: number, ...runs: readonly FileRun[]) {
  return openRuns(volumeReader(memorySource(disk)), {
    sizeBytes,
    runs: async function* () {
      yield* runs
    },
  })
}

async function ranges(file: ReturnType<typeof fileOf>) {
  return await toArray(file.dataRanges(unaborted))
}

async function read(file: ReturnType<typeof fileOf>, offset: number, length: number) {
  const into = new Uint8Array(length).fill(255)
  await file.read(offset, into, unaborted)
  return [...into]
}

describe('a file in runs', () => {
  const file = fileOf(
    20,
    { offset: 2, length: 3, at: 50 },
    { offset: 5, length: 2 },
    { offset: 7, length: 4, at: 10 },
    {
      offset: 11,
      length: 2,
      at: 30,
    },
  )

  it('reads data where it is and zeros elsewhere', async () => {
    const whole = [0, 0, 51, 52, 53, 0, 0, 11, 12, 13, 14, 31, 32, 0, 0, 0, 0, 0, 0, 0]
    expect(await read(file, 0, 20)).toEqual(whole)
    for (let from = 0; from < 20; from++)
      for (let to = from; to <= 20; to++) expect(await read(file, from, to - from)).toEqual(whole.slice(from, to))
  })

  it('tells where data is, neighbours as one', async () => {
    expect(await ranges(file)).toEqual([
      { offset: 2, length: 3 },
      { offset: 7, length: 6 },
    ])
  })

  it('ends where the file ends, not where its last run does', async () => {
    expect(await ranges(fileOf(3, { offset: 0, length: 10, at: 0 }))).toEqual([{ offset: 0, length: 3 }])
    expect(await ranges(fileOf(0, { offset: 0, length: 10, at: 0 }))).toEqual([])
  })

  it('refuses runs that overlap, and those outside of the volume', async () => {
    const twice = fileOf(20, { offset: 0, length: 8, at: 0 }, { offset: 7, length: 4, at: 20 })
    await expect(read(twice, 0, 20)).rejects.toMatchObject({ code: 'damaged' })
    await expect(ranges(twice)).rejects.toMatchObject({ code: 'damaged' })
    await expect(read(fileOf(20, { offset: 0, length: 8, at: 96 }), 0, 8)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('refuses reads past its end', async () => {
    for (const one of [file, openInline(new Uint8Array(20))])
      for (const [offset, length] of [
        [19, 2],
        [21, 0],
        [-1, 1],
      ] as const)
        await expect(one.read(offset, new Uint8Array(length), unaborted)).rejects.toMatchObject({
          code: 'out-of-range',
        })
  })
})

it('a file in memory is all data', async () => {
  const file = openInline(Uint8Array.of(1, 2, 3))
  expect(await ranges(file)).toEqual([{ offset: 0, length: 3 }])
  expect(await read(file, 1, 2)).toEqual([2, 3])
  expect(await ranges(openInline(new Uint8Array(0)))).toEqual([])
})
