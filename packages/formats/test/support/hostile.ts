import fc from 'fast-check'
import { fuzzRuns, largestAllocation } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import type { NamedSource } from '../../src/bytes/byte-source.js'
import type { ImageCodec } from '../../src/image/codec.js'
import { isImageError } from '../../src/image/image-error.js'
import { openImage } from '../../src/image/open-image.js'
import { type MemoryFile, memoryFile } from './memory-file.js'

/** An image to be damaged: the file that is opened, and those it names. */
export interface HostileSeed {
  readonly name: string
  readonly bytes: Uint8Array
  readonly others?: Readonly<Record<string, Uint8Array>>
  /** Where headers and tables are; most damage is done there. */
  readonly structures: readonly { readonly offset: number; readonly length: number }[]
  /** Makes checksums right again after damage, so that what they guard is reached too. */
  readonly seal?: (bytes: Uint8Array) => void
}

/** A field of a header that will be made to lie. */
export interface HeaderField {
  readonly name: string
  readonly offset: number
  readonly bytes: 1 | 2 | 4 | 8
  readonly order: 'little' | 'big'
}

/** A format and the images to damage. */
export interface HostileSubject {
  readonly name: string
  readonly codec: ImageCodec
  readonly seeds: () => Promise<readonly HostileSeed[]>
  /** Fields of the first seed. */
  readonly fields: readonly HeaderField[]
}

const runs = fuzzRuns(20_000)
const mutants = runs.numRuns
const allocationLimitBytes = 64 * 2 ** 20

interface Damage {
  readonly at: number
  readonly bytes: readonly number[]
}

/** Checks that damaged images are refused with a typed error or read within bounds, always soon. */
export function describeHostile({ name, codec, seeds, fields }: HostileSubject): void {
  describe(`${name}: hostile images`, () => {
    it(`survives ${mutants} damaged images`, { timeout: 600_000 + mutants * 60 }, async () => {
      const images = await seeds()
      const mutate = mutator()
      const largest = await largestAllocation(async () => {
        await fc.assert(
          fc.asyncProperty(fc.oneof(...images.map(mutation)), async (mutation) => {
            await useImage(codec, mutate(mutation), mutation.image.others ?? {})
          }),
          runs,
        )
      })
      expect(largest).toBeLessThanOrEqual(allocationLimitBytes)
    })

    it.each(fields.map((field) => [field.name, field] as const))('survives any lie in %s', async (_name, field) => {
      const [image] = await seeds()
      if (image === undefined) throw new Error('no image to damage')
      const largest = await largestAllocation(async () => {
        for (const lie of lies(image.bytes.byteLength)) {
          for (const seal of [undefined, image.seal]) {
            const bytes = new Uint8Array(image.bytes)
            bytes.set(encode(lie, field), field.offset)
            seal?.(bytes)
            await useImage(codec, memoryFile('disk', bytes), image.others ?? {})
          }
        }
      })
      expect(largest).toBeLessThanOrEqual(allocationLimitBytes)
    })
  })
}

/** Opens, walks, reads and checks an image as every program would; anything but data or an ImageError fails the test. */
async function useImage(
  codec: ImageCodec,
  file: MemoryFile,
  others: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const opened: MemoryFile[] = [file]
  const open = async (wanted: string): Promise<NamedSource | undefined> => {
    const bytes = others[wanted]
    if (bytes === undefined) return undefined
    const other = memoryFile(wanted, bytes)
    opened.push(other)
    return other.named()
  }
  const attempts: (() => Promise<void>)[] = []
  try {
    await using image = await openImage(file.named(), { codecs: [codec], open, format: codec.format })
    const { sizeBytes } = image
    expect(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0).toBe(true)
    attempts.push(
      async () => {
        let at = 0
        for await (const { offset, length } of image.extents()) {
          expect(offset).toBe(at)
          at += length
        }
        expect(at).toBe(sizeBytes)
      },
      async () => {
        for await (const problem of image.problems()) expect(problem.message).not.toBe('')
      },
      ...[0, sizeBytes / 3, sizeBytes / 2, sizeBytes - 100_000].map((place) => async () => {
        const offset = Math.max(0, Math.min(Math.floor(place), sizeBytes))
        await image.read(offset, new Uint8Array(Math.min(100_000, sizeBytes - offset)))
      }),
    )
    for (const bitmap of image.layers.flatMap(({ bitmaps }) => bitmaps))
      attempts.push(async () => {
        for await (const { length } of bitmap.dirty()) expect(length).toBeGreaterThan(0)
      })
    for (const attempt of attempts) await tolerate(attempt)
  } catch (error) {
    if (!isImageError(error)) throw error
  }
  const sizes = opened.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const reads = opened.reduce((sum, one) => sum + one.reads(), 0)
  // Each attempt may come across every sector of the files once.
  expect(reads).toBeLessThanOrEqual(2000 + (attempts.length + 1) * Math.ceil(sizes / 512))
}

async function tolerate(attempt: () => Promise<void>): Promise<void> {
  try {
    await attempt()
  } catch (error) {
    if (!isImageError(error)) throw error
  }
}

/** What is done to an image: bytes overwritten, checksums made right again or not, the end cut off. */
interface Mutation {
  readonly image: HostileSeed
  readonly damage: readonly Damage[]
  readonly sealed: boolean
  readonly cut: number
}

function mutation(image: HostileSeed): fc.Arbitrary<Mutation> {
  const { structures } = image
  const size = image.bytes.byteLength
  const place = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(...structures)
        .chain(({ offset, length }) => fc.integer({ min: offset, max: offset + length - 1 })),
    },
    { weight: 1, arbitrary: fc.nat(size - 1) },
  )
  const value = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((list) => [...list]),
    fc.constantFrom(...lies(size)).chain((lie) =>
      fc
        .record({
          bytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
          order: fc.constantFrom('little' as const, 'big' as const),
        })
        .map((field) => [...encode(lie, field)]),
    ),
  )
  return fc.record({
    image: fc.constant(image),
    // Fields lie at even places; a few odd ones come along.
    damage: fc.array(
      fc.record({
        at: fc.oneof(
          place.map((at) => at - (at % 4)),
          place,
        ),
        bytes: value,
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    sealed: fc.boolean(),
    cut: fc.oneof({ weight: 9, arbitrary: fc.constant(size) }, { weight: 1, arbitrary: fc.nat(size) }),
  })
}

/** Damages images in memory of its own, which the next one takes over: allocating it anew each time would take longest. */
function mutator(): (mutation: Mutation) => MemoryFile {
  let memory = new Uint8Array(0)
  return ({ image: { bytes, seal }, damage, sealed, cut }) => {
    if (memory.byteLength < bytes.byteLength) memory = new Uint8Array(bytes.byteLength)
    const altered = memory.subarray(0, bytes.byteLength)
    altered.set(bytes)
    for (const { at, bytes: patch } of damage) altered.set(patch.slice(0, bytes.byteLength - at), at)
    if (sealed) seal?.(altered)
    return memoryFile('disk', altered.subarray(0, cut))
  }
}

/** Values that have broken readers: ends of ranges, and things near the size of the file. */
function lies(fileBytes: number): readonly bigint[] {
  const size = BigInt(fileBytes)
  return [
    0n,
    1n,
    2n,
    3n,
    8n,
    9n,
    255n,
    512n,
    65_535n,
    65_536n,
    1n << 20n,
    1n << 31n,
    (1n << 31n) - 1n,
    (1n << 32n) - 1n,
    1n << 40n,
    (1n << 53n) - 1n,
    1n << 62n,
    (1n << 63n) - 1n,
    (1n << 64n) - 1n,
    size - 1n,
    size,
    size + 1n,
    size / 512n,
  ]
}

function encode(value: bigint, { bytes, order }: Pick<HeaderField, 'bytes' | 'order'>): Uint8Array {
  const encoded = new Uint8Array(bytes)
  for (let i = 0; i < bytes; i++)
    encoded[order === 'little' ? i : bytes - 1 - i] = Number((value >> BigInt(8 * i)) & 0xffn)
  return encoded
}
