import { describe, expect, it } from 'vitest'
import { ImageError } from '../src/image/image-error.js'
import type { PackedRun, Run } from '../src/image/layer.js'
import { chainLimit } from '../src/image/open-chain.js'
import { openImage } from '../src/image/open-image.js'
import { type FakeImage, fakeChain } from './support/fake-codec.js'
import { memoryFile } from './support/memory-file.js'
import { toArray } from './support/to-array.js'

const kib = 1024
const bytes = (value: number, length = 64 * kib) => memoryFile('bytes', new Uint8Array(length).fill(value))

function stored(offset: number, length: number, value: number, at = 0): Run {
  return { kind: 'stored', offset, length, source: bytes(value), at }
}

async function opened(images: Readonly<Record<string, FakeImage>>) {
  const chain = fakeChain(images)
  const image = await openImage(chain.file('top'), { codecs: [chain.codec], open: chain.open })
  return { ...chain, image }
}

async function readAll(image: Awaited<ReturnType<typeof openImage>>): Promise<Uint8Array> {
  const all = new Uint8Array(image.sizeBytes).fill(0xcc)
  await image.read(0, all)
  return all
}

describe('a chain of images', () => {
  const images = {
    top: {
      sizeBytes: 64 * kib,
      parents: ['middle'],
      runs: [
        stored(0, 8 * kib, 1),
        { kind: 'zero', offset: 8 * kib, length: 8 * kib },
        { kind: 'absent', offset: 16 * kib, length: 48 * kib },
      ],
    },
    middle: {
      sizeBytes: 40 * kib,
      parents: ['base'],
      runs: [
        { kind: 'absent', offset: 0, length: 24 * kib },
        stored(24 * kib, 8 * kib, 2),
        { kind: 'absent', offset: 32 * kib, length: 8 * kib },
      ],
    },
    base: { sizeBytes: 128 * kib, runs: [stored(0, 64 * kib, 3), stored(64 * kib, 64 * kib, 4)] },
  } satisfies Record<string, FakeImage>

  it('reads what the uppermost layer that knows a place says; past the end of a parent there are zeros', async () => {
    const { image } = await opened(images)
    const all = await readAll(image)
    const at = (place: number) => all[place * kib]
    expect([0, 8, 16, 24, 32, 39, 40, 63].map(at)).toEqual([1, 0, 3, 2, 3, 3, 0, 0])
  })

  it('says which layer each extent is from', async () => {
    const { image } = await opened(images)
    const extents = await toArray(image.extents())
    expect(extents.map(({ offset, length, kind, depth }) => [offset / kib, length / kib, kind, depth])).toEqual([
      [0, 8, 'data', 0],
      [8, 8, 'zero', 0],
      [16, 8, 'data', 2],
      [24, 8, 'data', 1],
      [32, 8, 'data', 2],
      [40, 24, 'unallocated', 3],
    ])
    expect(await toArray(image.extents({ offset: 30 * kib, length: 4 * kib }))).toEqual([
      { offset: 30 * kib, length: 2 * kib, kind: 'data', depth: 1 },
      { offset: 32 * kib, length: 2 * kib, kind: 'data', depth: 2 },
    ])
  })

  it('checks every file, and closes every file and layer once it is disposed', async () => {
    const { image, openFiles, openLayers } = await opened(images)
    expect((await toArray(image.problems())).map(({ file }) => file)).toEqual(['top', 'middle', 'base'])
    expect([openFiles.size, openLayers.size]).toEqual([3, 3])
    await image[Symbol.asyncDispose]()
    expect([openFiles.size, openLayers.size]).toEqual([0, 0])
  })

  it.each([
    ['loops', { top: { ...images.top, parents: ['top'] } }, 'refused-file'],
    ['loops later', { ...images, base: { ...images.base, parents: ['middle'] } }, 'refused-file'],
    ['lacks a parent', { top: images.top }, 'missing-file'],
    ['has a parent without a name', { top: { ...images.top, parents: [] } }, 'missing-file'],
    [
      'has another parent',
      { ...images, top: { ...images.top, parentIdentity: 'a' }, middle: { ...images.middle, identity: 'b' } },
      'parent-mismatch',
    ],
    ['has a parent without an id', { ...images, top: { ...images.top, parentIdentity: 'a' } }, 'parent-mismatch'],
  ] satisfies [string, Record<string, FakeImage>, string][])(
    'that %s is refused, and nothing stays open',
    async (_what, chain, code) => {
      const { codec, file, open, openFiles, openLayers } = fakeChain(chain)
      await expect(openImage(file('top'), { codecs: [codec], open })).rejects.toMatchObject({ code })
      expect([openFiles.size, openLayers.size]).toEqual([0, 0])
    },
  )

  it('is followed up to its limit, and no further', async () => {
    const long = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, i) => [
          i === 0 ? 'top' : `p${i}`,
          { ...images.base, ...(i < length - 1 && { parents: [`p${i + 1}`] }) },
        ]),
      )
    expect((await opened(long(chainLimit))).image.layers).toHaveLength(chainLimit)
    await expect(opened(long(chainLimit + 1))).rejects.toMatchObject({ code: 'limit' })
  })

  it('with a broken parent is closed, whatever the error', async () => {
    const { codec, file, open, openFiles, openLayers } = fakeChain({ top: { ...images.top, parents: ['broken'] } })
    await expect(openImage(file('top'), { codecs: [codec], open })).rejects.toThrow('broken is broken')
    expect([openFiles.size, openLayers.size]).toEqual([0, 0])
  })

  it('takes the first of the names of a parent that may be reached, and tells the refusal when none may', async () => {
    const { codec, file, open } = fakeChain({
      ...images,
      top: { ...images.top, parents: ['/secret', 'gone', 'middle'] },
    })
    const guarded = async (name: string) => {
      if (name.startsWith('/')) throw new ImageError('refused-file', `${name} may not be reached`)
      return open(name)
    }
    const image = await openImage(file('top'), { codecs: [codec], open: guarded })
    expect(image.layers.map((layer) => layer.file)).toEqual(['top', 'middle', 'base'])
    const lost = fakeChain({ top: { ...images.top, parents: ['/secret', 'gone'] } })
    await expect(openImage(lost.file('top'), { codecs: [lost.codec], open: guarded })).rejects.toMatchObject({
      code: 'refused-file',
    })
  })

  it('refuses what lies outside the disk', async () => {
    const { image } = await opened(images)
    for (const [offset, length] of [
      [64 * kib, 1],
      [-1, 1],
      [0.5, 1],
      [0, 65 * kib],
    ] as const) {
      await expect(image.read(offset, new Uint8Array(length))).rejects.toMatchObject({ code: 'out-of-range' })
      await expect(toArray(image.extents({ offset, length }))).rejects.toMatchObject({ code: 'out-of-range' })
    }
  })
})

describe('a compressed unit', () => {
  const unitBytes = 64 * kib
  const packed = (unpack: () => Promise<Uint8Array>): PackedRun => {
    const unit = { offset: 0, length: unitBytes, source: bytes(0), at: 7, unpack }
    return { kind: 'packed', offset: 0, length: unitBytes, unit }
  }

  it('that is read piece by piece is decompressed once', async () => {
    let times = 0
    const unpack = async () => {
      times += 1
      return new Uint8Array(unitBytes).map((_, i) => i % 251)
    }
    const { image } = await opened({ top: { sizeBytes: unitBytes, runs: [packed(unpack)] } })
    const part = new Uint8Array(100)
    for (const offset of [0, 1000, 65_000]) {
      await image.read(offset, part)
      expect([...part.subarray(0, 3)]).toEqual([0, 1, 2].map((i) => (offset + i) % 251))
    }
    expect(times).toBe(1)
    // A unit that is read whole is not kept: nobody comes back for the rest of it.
    const whole = await opened({ top: { sizeBytes: unitBytes, runs: [packed(unpack)] } })
    await readAll(whole.image)
    await readAll(whole.image)
    expect(times).toBe(3)
  })

  it('that cannot be read fails each time, and only after the other reads of the call have ended', async () => {
    let ended = false
    const slow: Run = {
      ...stored(unitBytes, 512, 1),
      kind: 'stored',
      source: {
        sizeBytes: 512,
        read: async () => {
          await new Promise((resolve) => setTimeout(resolve, 30))
          ended = true
        },
      },
      at: 0,
    }
    const broken = packed(() => Promise.reject(new ImageError('corrupt', 'no such data')))
    const { image } = await opened({ top: { sizeBytes: unitBytes + 512, runs: [broken, slow] } })
    await expect(readAll(image)).rejects.toMatchObject({ code: 'corrupt' })
    expect(ended).toBe(true)
    await expect(image.read(0, new Uint8Array(10))).rejects.toMatchObject({ code: 'corrupt' })
  })
})
