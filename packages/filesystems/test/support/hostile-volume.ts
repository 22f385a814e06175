import fc from 'fast-check'
import { fuzzRuns, largestAllocation } from 'holdfast-lab'
import { expect } from 'vitest'
import type { ByteSource, CallOptions, Entry, Filesystem } from '../../src/filesystem.js'
import { isFilesystemError } from '../../src/filesystem-error.js'
import { memorySource } from './memory-source.js'

/** A volume to be damaged in place, and how. */
export interface HostileVolume {
  readonly bytes: Uint8Array
  readonly open: (source: ByteSource, options: CallOptions) => Promise<Filesystem>
  /** Where structures are: only these are damaged. */
  readonly structures: readonly Structure[]
}

/** A part of a volume that is not content. */
export interface Structure {
  readonly offset: number
  readonly length: number
  /** Makes its checksum right again, so that what it guards is reached too. */
  readonly seal?: (structure: Uint8Array) => void
}

const runs = fuzzRuns(2000)
const mutants = runs.numRuns
/** One mutant must be done with in this time, on a busy machine. */
const mostMs = 60_000
/** Of each directory. */
const mostEntries = 20
const mostDirectories = 12
/** What one structure may take at once. */
const mostAllocatedBytes = 20 * 2 ** 20
const mostReadBytes = 70_000
const mostRanges = 500

/** How many mutants are tried; their time. */
export const fuzzTimeoutMs = 120_000 + mutants * 300

/** Numbers that break bounds. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff]

/** Damages a volume a little, thousands of times, and uses it: typed errors or results, soon, or the check fails. */
export async function assertSurvives({ bytes, open, structures }: HostileVolume): Promise<void> {
  const damage = fc.record({
    structure: fc.integer({ min: 0, max: structures.length - 1 }),
    changes: fc.array(
      fc.record({
        at: fc.oneof(fc.nat({ max: 127 }), fc.nat({ max: 65_535 })),
        values: fc.array(fc.oneof(fc.constantFrom(...edges), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    isSealed: fc.boolean(),
  })
  const { signal: unharmed } = new AbortController()
  await useAll(await open(memorySource(bytes), { signal: unharmed }), { signal: unharmed })
  let refused = 0
  const largest = await largestAllocation(
    async () =>
      await fc.assert(
        fc.asyncProperty(damage, async ({ structure: index, changes, isSealed }) => {
          const structure = structures[index]!
          const part = bytes.subarray(structure.offset, structure.offset + structure.length)
          const before = Uint8Array.from(part)
          for (const { at, values } of changes) {
            const from = at % part.byteLength
            part.set(values.slice(0, part.byteLength - from), from)
          }
          if (isSealed) structure.seal?.(part)
          const signal = AbortSignal.timeout(mostMs)
          try {
            await useAll(await open(memorySource(bytes), { signal }), { signal })
          } catch (error) {
            if (!isFilesystemError(error)) throw error
            expect(error.message.length).toBeLessThan(400)
            refused += 1
          } finally {
            part.set(before)
          }
        }),
        runs,
      ),
  )
  expect(largest).toBeLessThanOrEqual(mostAllocatedBytes)
  // Else nothing was hit, or damage was not undone.
  expect(refused).toBeGreaterThan(mutants / 100)
  await useAll(await open(memorySource(bytes), { signal: unharmed }), { signal: unharmed })
}

/** Uses all that a file system offers; an entry that is refused does not end the walk. */
async function useAll(filesystem: Filesystem, options: CallOptions): Promise<void> {
  const waiting: Entry[] = [filesystem.root]
  let left = mostDirectories
  let refusal: unknown
  const attempt = async (use: () => Promise<void>) => {
    try {
      await use()
    } catch (error) {
      if (!isFilesystemError(error)) throw error
      refusal = error
    }
  }
  for (let directory = waiting.pop(); directory !== undefined && left > 0; directory = waiting.pop()) {
    left -= 1
    const entries: Entry[] = []
    const here: Entry = directory
    await attempt(async () => {
      for await (const entry of filesystem.list(here, options)) {
        entries.push(entry)
        if (entries.length >= mostEntries) break
      }
    })
    for (const entry of entries) {
      if (entry.type === 'directory') waiting.push(entry)
      await attempt(async () => await useEntry(filesystem, entry, options))
    }
    const last = entries.at(-1)
    if (last !== undefined) await attempt(async () => void (await filesystem.find(last.path, options)))
  }
  if (refusal !== undefined) throw refusal
}

async function useEntry(filesystem: Filesystem, entry: Entry, options: CallOptions): Promise<void> {
  await filesystem.extendedAttributes?.(entry, options)
  for (const stream of (await filesystem.streams?.(entry, options)) ?? [])
    await useContent(await stream.open(options), options)
  if (entry.type === 'symlink') await filesystem.readLink(entry, options)
  if (entry.type === 'file') await useContent(await filesystem.open(entry, options), options)
}

async function useContent(file: Awaited<ReturnType<Filesystem['open']>>, options: CallOptions): Promise<void> {
  const length = Math.min(file.sizeBytes, mostReadBytes)
  const part = new Uint8Array(length)
  await file.read(0, part, options)
  await file.read(file.sizeBytes - length, part, options)
  let ranges = 0
  let end = 0
  for await (const range of file.dataRanges(options)) {
    expect(range.offset).toBeGreaterThanOrEqual(end)
    expect(range.length).toBeGreaterThan(0)
    end = range.offset + range.length
    expect(end).toBeLessThanOrEqual(file.sizeBytes)
    ranges += 1
    if (ranges > mostRanges) break
  }
}
