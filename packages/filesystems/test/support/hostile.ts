import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { fuzzRuns, largestAllocation } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import type { ByteSource, CallOptions, Entry, Filesystem } from '../../src/filesystem.js'
import { isFilesystemError } from '../../src/filesystem-error.js'
import { type MemorySource, memorySource, unaborted } from './memory-source.js'

/** A file system and the images of it to damage. */
export interface HostileSubject {
  readonly name: string
  readonly open: (source: ByteSource, options: CallOptions) => Promise<Filesystem>
  /** Small images, by name: of little content, so that most of their bytes are structures. */
  readonly images: Readonly<Record<string, () => Uint8Array>>
}

const runs = fuzzRuns(2000)
const mutants = runs.numRuns
/** What a caller's own buffers, one table and one batch may take. */
const allocationLimitBytes = 20 * 2 ** 20
const slowestMs = 10_000
const cellBytes = 16
const entriesLimit = 400
const depthLimit = 8

/** Checks that damaged file systems are refused with a typed error or read within bounds, always soon. */
export function describeHostile({ name, open, images }: HostileSubject): void {
  describe(`${name}: hostile images`, () => {
    it.each(Object.entries(images))(
      `survives ${mutants} damaged images: %s`,
      { timeout: 300_000 + mutants * 100 },
      async (_name, image) => {
        const bytes = image()
        const places = usedCells(bytes)
        let read = 0
        const largest = await largestAllocation(async () => {
          await fc.assert(
            fc.asyncProperty(mutation(places, bytes.byteLength), async ({ damage, cut }) => {
              const whole = damage.map(({ at, patch }) => {
                const before = bytes.slice(at, at + patch.byteLength)
                bytes.set(patch.subarray(0, bytes.byteLength - at), at)
                return { at, patch: before }
              })
              const began = performance.now()
              if (await use(memorySource(bytes.subarray(0, cut)), open)) read += 1
              assert(performance.now() - began < slowestMs)
              // Patches may overlap: the first ones are taken back last.
              for (const { at, patch } of whole.reverse()) bytes.set(patch, at)
            }),
            runs,
          )
        })
        expect(largest).toBeLessThanOrEqual(allocationLimitBytes)
        // Where hardly anything opens, nothing behind the first structure was tried.
        expect(read).toBeGreaterThan(mutants / 10)
      },
    )
  })
}

/** Opens and reads all there is, as every program would; anything but data or a FilesystemError fails the test. */
async function use(source: MemorySource, open: HostileSubject['open']): Promise<boolean> {
  const filesystem = await tolerated(() => open(source, unaborted))
  if (filesystem === undefined) return false
  assert(filesystem.sizeBytes <= source.sizeBytes)
  let entries = 0
  const visit = async (directory: Entry, depth: number): Promise<void> => {
    for await (const entry of filesystem.list(directory, unaborted)) {
      entries += 1
      if (entries > entriesLimit) return
      checkEntry(entry)
      await tolerated(() => useEntry(filesystem, entry))
      if (entry.type === 'directory' && depth < depthLimit) await tolerated(() => visit(entry, depth + 1))
    }
  }
  await tolerated(() => visit(filesystem.root, 0))
  await tolerated(() => filesystem.find('/folder/inner/file', unaborted))
  return true
}

function checkEntry({ name, path, sizeBytes, metadata }: Entry): void {
  assert(!/^\.{0,2}$|[/\0]/.test(name))
  assert(path.endsWith(`/${name}`))
  assert(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)
  for (const time of [metadata.modifiedAt, metadata.accessedAt, metadata.changedAt, metadata.createdAt])
    if (time !== undefined) assert(!Number.isNaN(time.getTime()))
}

async function useEntry(filesystem: Filesystem, entry: Entry): Promise<void> {
  await tolerated(async () => await filesystem.extendedAttributes?.(entry, unaborted))
  await tolerated(async () => await filesystem.streams?.(entry, unaborted))
  if (entry.type === 'symlink') await filesystem.readLink(entry, unaborted)
  if (entry.type !== 'file') return
  const file = await filesystem.open(entry, unaborted)
  await tolerated(async () => {
    let last = -1
    for await (const { offset, length } of file.dataRanges(unaborted)) {
      assert(offset > last && length > 0)
      last = offset + length
      assert(last <= file.sizeBytes)
    }
  })
  const places = [0, Math.floor(file.sizeBytes / 2), Math.max(0, file.sizeBytes - 5000)]
  for (const offset of places) {
    const into = new Uint8Array(Math.min(5000, file.sizeBytes - offset))
    await tolerated(() => file.read(offset, into, unaborted))
  }
}

async function tolerated<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt()
  } catch (error) {
    if (!isFilesystemError(error)) throw error
    assert(!/NaN|undefined/.test(error.message))
    return undefined
  }
}

/** Where there is anything. */
function usedCells(bytes: Uint8Array): readonly number[] {
  const places: number[] = []
  for (let at = 0; at < bytes.byteLength; at += cellBytes)
    if (bytes.subarray(at, at + cellBytes).some((byte) => byte !== 0)) places.push(at)
  return places
}

function mutation(places: readonly number[], size: number) {
  const lies = [
    0n,
    1n,
    2n,
    5n,
    255n,
    1n << 15n,
    (1n << 16n) - 1n,
    1n << 31n,
    (1n << 32n) - 1n,
    1n << 40n,
    (1n << 64n) - 1n,
  ]
  const patch = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc
      .record({
        value: fc.constantFrom(...lies, BigInt(size), BigInt(size / 512), BigInt(size / 1024)),
        width: fc.constantFrom(1, 2, 4, 8),
        isBig: fc.boolean(),
      })
      .map(({ value, width, isBig }) => {
        const bytes = Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
        return Uint8Array.from(isBig ? bytes.reverse() : bytes)
      }),
  )
  const at = fc
    .tuple(fc.constantFrom(...places), fc.nat(cellBytes - 1), fc.boolean())
    .map(([cell, within, isOdd]) => cell + (isOdd ? within : within & ~1))
  return fc.record({
    damage: fc.array(fc.record({ at, patch }), { minLength: 1, maxLength: 4 }),
    cut: fc.oneof({ weight: 19, arbitrary: fc.constant(size) }, { weight: 1, arbitrary: fc.nat(size) }),
  })
}
