import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createVmdk, type VmdkKind, vmdkCodec } from '../src/vmdk/index.js'
import { type DiskOperation, diskOperations, performOperation } from './support/disk-operations.js'
import { memoryFile } from './support/memory-file.js'
import { describeRoundTrip, type MemoryFolder, memoryFolder } from './support/round-trip.js'

const sector = 512
const gibibyte = 2 ** 30

const create = (kind: VmdkKind) => (folder: MemoryFolder, sizeBytes: number) =>
  createVmdk(folder.create('disk'), { kind, sizeBytes, name: 'disk', create: async (name) => folder.create(name) })

describeRoundTrip({
  name: 'monolithicSparse',
  codec: vmdkCodec,
  create: create('monolithicSparse'),
  sizeStep: sector,
  // Behind it, entries of 32 bits do not reach the last grain.
  largest: 2047 * gibibyte,
})
for (const kind of ['twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'] as const)
  describeRoundTrip({
    name: kind,
    codec: vmdkCodec,
    create: create(kind),
    sizeStep: sector,
    // More files take longer, and nothing else.
    largest: 50 * gibibyte,
  })
for (const kind of ['monolithicFlat', 'vmfs', 'streamOptimized'] as const)
  describeRoundTrip({ name: kind, codec: vmdkCodec, create: create(kind), sizeStep: sector })

/** What is in the parent of the children below: grains whole and in part, near the places where tests write. */
const parentOperations = (sizeBytes: number): readonly DiskOperation[] => {
  const operations: DiskOperation[] = []
  for (const place of [0, 0.25, 0.5, 0.75, 1]) {
    const offset = Math.max(0, Math.min(sizeBytes - sector, Math.floor(place * sizeBytes) - 40_000))
    operations.push({ kind: 'write', offset, length: Math.min(80_000, sizeBytes - offset), seed: 77 })
  }
  return operations
}

const createChild = (kind: VmdkKind, parentKind: VmdkKind) => async (folder: MemoryFolder, sizeBytes: number) => {
  const name = 'base.vmdk'
  const files = async (other: string) => folder.create(other)
  const base = await createVmdk(folder.create(name), { kind: parentKind, sizeBytes, name, create: files })
  for (const operation of parentOperations(sizeBytes)) await performOperation(operation, base)
  await base.close()
  const image = await openImage(folder.file(name), { codecs: [vmdkCodec], open: folder.open })
  return createVmdk(folder.create('disk'), {
    kind,
    sizeBytes,
    name: 'disk',
    create: files,
    parent: { fileNameHint: name, image },
  })
}

describeRoundTrip({
  name: 'monolithicSparse over vmfs',
  codec: vmdkCodec,
  create: createChild('monolithicSparse', 'vmfs'),
  parentOperations,
  sizeStep: sector,
  // Zeros over a parent set an entry for each of their grains.
  largest: 200 * gibibyte,
})
describeRoundTrip({
  name: 'twoGbMaxExtentSparse over monolithicSparse',
  codec: vmdkCodec,
  create: createChild('twoGbMaxExtentSparse', 'monolithicSparse'),
  parentOperations,
  sizeStep: sector,
  largest: 20 * gibibyte,
})

describe('VMDK writers: concurrent writes', () => {
  const sizeBytes = 4 * 2 ** 20 + 3 * sector

  it.each([
    ['monolithicSparse', create('monolithicSparse')],
    ['a child', createChild('monolithicSparse', 'monolithicSparse')],
  ] as const)('%s keeps all of writes that share grains and overlap in time', async (name, make) => {
    await fc.assert(
      fc.asyncProperty(diskOperations(sizeBytes, 'ascending'), async (operations) => {
        const folder = memoryFolder()
        const writer = await make(folder, sizeBytes)
        const expected = memoryFile('expected')
        await expected.resize(sizeBytes)
        if (name === 'a child')
          for (const operation of parentOperations(sizeBytes)) await performOperation(operation, expected)
        for (const operation of operations) await performOperation(operation, expected)
        // In pieces of every alignment, so that many share a grain; flushes come in between.
        const pieces = operations.flatMap(({ offset, length, kind }) => {
          const step = 20_011
          const count = Math.ceil(length / step)
          return Array.from({ length: count }, (_, i) => ({
            kind,
            offset: offset + i * step,
            length: Math.min(step, length - i * step),
          }))
        })
        await Promise.all(
          pieces.map(async ({ kind, offset, length }, i) => {
            if (kind === 'zero') return writer.zero(offset, length)
            const bytes = new Uint8Array(length)
            await expected.read(offset, bytes)
            const written = writer.write(offset, bytes)
            if (i % 3 === 0) await writer.flush()
            return written
          }),
        )
        await writer.close()
        await using image = await openImage(folder.file('disk'), { codecs: [vmdkCodec], open: folder.open })
        const [read, wanted] = [new Uint8Array(sizeBytes), new Uint8Array(sizeBytes)]
        await image.read(0, read)
        await expected.read(0, wanted)
        expect(Buffer.compare(read, wanted)).toBe(0)
        for await (const problem of image.problems()) expect(problem).toBeUndefined()
      }),
      { numRuns: 60, seed: 20_261_123 },
    )
  })
})
