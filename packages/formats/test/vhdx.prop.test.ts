import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { crc32c } from '../src/vhdx/crc32c.js'
import { createVhdx, type VhdxPlainOptions, vhdxCodec } from '../src/vhdx/index.js'
import { type DiskOperation, performOperation } from './support/disk-operations.js'
import { memoryFile } from './support/memory-file.js'
import { describeRoundTrip, type MemoryFolder } from './support/round-trip.js'
import { simpleCrc32c } from './support/vhdx-image.js'

const mebibyte = 2 ** 20
const parentId = '6f1e0f0c-52a7-4d0a-8f0e-1d2c3b4a5968'

const plain: readonly (Pick<VhdxPlainOptions, 'variant' | 'blockBytes' | 'logicalSectorBytes'> & {
  readonly name: string
  readonly runs?: number
})[] = [
  { name: 'fixed', variant: 'fixed' },
  { name: 'fixed, sectors of 4 KiB', variant: 'fixed', logicalSectorBytes: 4096, runs: 40 },
  { name: 'dynamic', variant: 'dynamic' },
  { name: 'dynamic, smallest blocks', variant: 'dynamic', blockBytes: mebibyte, runs: 40 },
  { name: 'dynamic, largest blocks', variant: 'dynamic', blockBytes: 256 * mebibyte, runs: 40 },
  { name: 'dynamic, sectors of 4 KiB', variant: 'dynamic', logicalSectorBytes: 4096, runs: 40 },
]

for (const { name, runs = 100, ...options } of plain)
  describeRoundTrip({
    name: `vhdx ${name}`,
    codec: vhdxCodec,
    create: (folder, sizeBytes) => createVhdx(folder.create('disk'), { ...options, sizeBytes }),
    sizeStep: options.logicalSectorBytes ?? 512,
    runs,
  })

const children = [
  { name: 'differencing', logicalSectorBytes: 512, blockBytes: 2 * mebibyte, runs: 100 },
  { name: 'differencing, smallest blocks', logicalSectorBytes: 512, blockBytes: mebibyte, runs: 30 },
  { name: 'differencing, largest blocks', logicalSectorBytes: 512, blockBytes: 256 * mebibyte, runs: 30 },
  { name: 'differencing, sectors of 4 KiB', logicalSectorBytes: 4096, blockBytes: 2 * mebibyte, runs: 30 },
] as const

for (const { name, runs, ...options } of children)
  describeRoundTrip({
    name: `vhdx ${name}`,
    codec: vhdxCodec,
    create: (folder, sizeBytes) => createChild(folder, sizeBytes, options),
    parentOperations,
    sizeStep: options.logicalSectorBytes,
    runs,
  })

/** Writes a parent to `parent.vhdx` and begins its child as `disk`. */
async function createChild(
  folder: MemoryFolder,
  sizeBytes: number,
  options: { readonly logicalSectorBytes: 512 | 4096; readonly blockBytes: number },
) {
  const parent = await createVhdx(folder.create('parent.vhdx'), {
    variant: 'dynamic',
    sizeBytes,
    logicalSectorBytes: options.logicalSectorBytes,
    dataWriteId: parentId,
  })
  for (const operation of parentOperations(sizeBytes)) await performOperation(operation, parent)
  await parent.close()
  const image = await openImage(folder.file('parent.vhdx'), { codecs: [vhdxCodec] })
  return createVhdx(folder.create('disk'), {
    variant: 'differencing',
    sizeBytes,
    ...options,
    parent: { identity: parentId, relativePath: 'parent.vhdx' },
    readParent: image.read,
  })
}

/** Fills both ends and the middle, where the operations of the test bunch. */
function parentOperations(sizeBytes: number): readonly DiskOperation[] {
  return [0, 0.25, 0.5, 1].map((place, index) => {
    const offset = Math.max(0, Math.floor(place * sizeBytes) - 150_000)
    return { kind: 'write', offset, length: Math.min(300_000, sizeBytes - offset), seed: 17 + index }
  })
}

it('keeps every byte of concurrent writes that share blocks and sectors', async () => {
  const sizeBytes = 6 * mebibyte
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: sizeBytes - 1 }), { minLength: 3, maxLength: 60 }),
      fc.boolean(),
      async (cuts, hasParent) => {
        const files = new Map<string, ReturnType<typeof memoryFile>>()
        const folder: MemoryFolder = {
          create: (name) => {
            const file = memoryFile(name)
            files.set(name, file)
            return file
          },
          open: async (name) => files.get(name)?.named(),
          file: (name) => files.get(name)!.named(),
        }
        const expected = memoryFile('expected')
        await expected.resize(sizeBytes)
        if (hasParent) for (const operation of parentOperations(sizeBytes)) await performOperation(operation, expected)
        const writer = hasParent
          ? await createChild(folder, sizeBytes, { logicalSectorBytes: 4096, blockBytes: mebibyte })
          : await createVhdx(folder.create('disk'), { variant: 'dynamic', sizeBytes, blockBytes: mebibyte })
        const edges = cuts.toSorted((a, b) => a - b)
        const operations = edges.slice(1).map((end, index): DiskOperation => {
          const offset = edges[index]!
          return { kind: index % 4 === 3 ? 'zero' : 'write', offset, length: end - offset, seed: 1 + (index % 255) }
        })
        await Promise.all(
          operations.flatMap((operation) => [
            performOperation(operation, writer),
            performOperation(operation, expected),
          ]),
        )
        await writer.close()
        await using image = await openImage(folder.file('disk'), { codecs: [vhdxCodec], open: folder.open })
        const read = new Uint8Array(sizeBytes)
        await image.read(0, read)
        expect(Buffer.compare(read, expected.bytes())).toBe(0)
      },
    ),
    { numRuns: 40, seed: 20_261_123 },
  )
})

it('computes CRC-32C in one go and in parts as a byte at a time', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
      expect(crc32c(bytes)).toBe(simpleCrc32c(bytes))
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(simpleCrc32c(bytes))
    }),
  )
})
