import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FileOpener, NamedSource } from '../../src/bytes/byte-source.js'
import type { ImageCodec } from '../../src/image/codec.js'
import type { DiskImage } from '../../src/image/disk-image.js'
import type { ImageWriter } from '../../src/image/image-writer.js'
import { openImage } from '../../src/image/open-image.js'
import { type DiskOperation, diskOperations, performOperation as perform } from './disk-operations.js'
import { memoryFile } from './memory-file.js'

/** Files of an image by name, made by a writer and found again by the reader. */
export interface MemoryFolder {
  readonly create: (name: string) => ReturnType<typeof memoryFile>
  readonly open: FileOpener
  readonly file: (name: string) => NamedSource
}

/** Makes an empty folder in memory. */
export function memoryFolder(): MemoryFolder {
  const files = new Map<string, ReturnType<typeof memoryFile>>()
  return {
    create: (name) => {
      const file = memoryFile(name)
      files.set(name, file)
      return file
    },
    open: async (name) => files.get(name)?.named(),
    file: (name) => {
      const file = files.get(name)
      if (file === undefined) throw new Error(`no ${name} was made`)
      return file.named()
    },
  }
}

/** One kind of image that is written and read again. */
export interface RoundTripSubject {
  readonly name: string
  readonly codec: ImageCodec
  /** Begins an image; its first file must be named `disk`. */
  readonly create: (folder: MemoryFolder, sizeBytes: number) => Promise<ImageWriter>
  /** Sizes that the format can have are multiples of it. @defaultValue 1 */
  readonly sizeStep?: number
  /** @defaultValue 3 TiB */
  readonly largest?: number
  /** Sequences to try. @defaultValue 100 */
  readonly runs?: number
  /** What `create` wrote to the parent of the image, when it makes one. */
  readonly parentOperations?: (sizeBytes: number) => readonly DiskOperation[]
}

const tebibyte = 2 ** 40

/** Checks that whatever is written to an image is what is read from it, for sizes from one sector to terabytes. */
export function describeRoundTrip(subject: RoundTripSubject): void {
  const { name, codec, create, sizeStep = 1, largest = 3 * tebibyte, runs = 100, parentOperations } = subject
  const anySize = fc
    .oneof(
      fc.constantFrom(512, 513, 65_536, 1_000_001, 2 ** 21 + 512, 40 * 2 ** 20, 5 * 2 ** 30 + 512, 3 * tebibyte),
      fc.integer({ min: 1, max: 5 * 2 ** 20 }),
      fc.integer({ min: 1, max: 3 * tebibyte }),
    )
    .map((size) => Math.min(largest, Math.max(sizeStep, Math.floor(size / sizeStep) * sizeStep)))

  describe(`${name}: round trip`, () => {
    it('reads what was written, for any writes and sizes', { timeout: 300_000 }, async () => {
      const order = (await create(memoryFolder(), sizeStep * 8)).order
      await fc.assert(
        fc.asyncProperty(
          anySize.chain((size) => fc.tuple(fc.constant(size), diskOperations(size, order))),
          async ([sizeBytes, operations]) => {
            const folder = memoryFolder()
            const writer = await create(folder, sizeBytes)
            expect(writer.sizeBytes).toBe(sizeBytes)
            const expected = memoryFile('expected')
            await expected.resize(sizeBytes)
            for (const operation of parentOperations?.(sizeBytes) ?? []) await perform(operation, expected)
            for (const operation of operations) {
              await perform(operation, expected)
              await perform(operation, writer)
            }
            await writer.close()
            await using image = await openImage(folder.file('disk'), {
              codecs: [codec],
              open: folder.open,
              ...(codec.format === 'raw' && { format: 'raw' }),
            })
            expect(image.sizeBytes).toBe(sizeBytes)
            await expectSame(image, expected, operations)
            for await (const problem of image.problems()) expect(problem.severity).toBe('note')
          },
        ),
        { numRuns: runs, seed: 20_261_123 },
      )
    })

    it('refuses what lies outside the disk', async () => {
      const sizeBytes = sizeStep * 1000
      const writer = await create(memoryFolder(), sizeBytes)
      for (const [offset, length] of [
        [sizeBytes, 1],
        [sizeBytes - 1, 2],
        [-1, 1],
        [0.5, 1],
        [Number.NaN, 1],
      ] as const) {
        await expect(writer.write(offset, new Uint8Array(length))).rejects.toMatchObject({ code: 'out-of-range' })
        await expect(writer.zero(offset, length)).rejects.toMatchObject({ code: 'out-of-range' })
      }
    })
  })
}

/** Compares around every operation, at both ends, and that the extents say nothing is where something is. */
async function expectSame(
  image: DiskImage,
  expected: ReturnType<typeof memoryFile>,
  operations: readonly { readonly offset: number; readonly length: number }[],
): Promise<void> {
  const { sizeBytes } = image
  const window = 400_000
  const places = [
    0,
    sizeBytes - window,
    ...operations.flatMap(({ offset, length }) => [offset - 5000, offset + length - 5000]),
  ]
  for (const place of places) {
    const offset = Math.min(Math.max(0, place), Math.max(0, sizeBytes - 1))
    const length = Math.min(window, sizeBytes - offset)
    const [read, wanted] = [new Uint8Array(length).fill(0xcc), new Uint8Array(length)]
    await image.read(offset, read)
    await expected.read(offset, wanted)
    expect(Buffer.compare(read, wanted), `bytes from ${offset}`).toBe(0)
  }
  let at = 0
  for await (const { offset, length, kind } of image.extents()) {
    expect(offset).toBe(at)
    expect(length).toBeGreaterThan(0)
    at += length
    if (kind === 'data') continue
    // What is no data must be zeros: every page that was written lies in a data extent.
    for (const place of [offset, offset + length - Math.min(length, 4096)]) {
      const wanted = new Uint8Array(Math.min(length, 4096))
      await expected.read(place, wanted)
      expect(
        wanted.every((byte) => byte === 0),
        `${kind} at ${place}`,
      ).toBe(true)
    }
  }
  expect(at).toBe(sizeBytes)
}
