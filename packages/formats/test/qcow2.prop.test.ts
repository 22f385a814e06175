import { openImage } from '../src/image/open-image.js'
import { createQcow2, type Qcow2WriterOptions, qcow2Codec } from '../src/qcow2/index.js'
import { type DiskOperation, performOperation } from './support/disk-operations.js'
import { describeRoundTrip, type MemoryFolder } from './support/round-trip.js'

const mebibyte = 2 ** 20
const gibibyte = 2 ** 30

const alone = (options: Omit<Qcow2WriterOptions, 'sizeBytes'>) => (folder: MemoryFolder, sizeBytes: number) =>
  createQcow2(folder.create('disk'), { sizeBytes, ...options })

describeRoundTrip({ name: 'qcow2', codec: qcow2Codec, sizeStep: 512, create: alone({}) })
describeRoundTrip({
  name: 'qcow2, clusters of 512 bytes',
  codec: qcow2Codec,
  sizeStep: 512,
  largest: 8 * gibibyte,
  create: alone({ clusterBytes: 512 }),
})
describeRoundTrip({
  name: 'qcow2, clusters of 2 MiB',
  codec: qcow2Codec,
  sizeStep: 512,
  runs: 40,
  create: alone({ clusterBytes: 2 * mebibyte }),
})
for (const method of ['zlib', 'zstd'] as const) {
  describeRoundTrip({
    name: `qcow2, ${method}`,
    codec: qcow2Codec,
    sizeStep: 512,
    create: alone({ compression: { method, level: 1 } }),
  })
  describeRoundTrip({
    name: `qcow2, ${method}, clusters of 512 bytes`,
    codec: qcow2Codec,
    sizeStep: 512,
    largest: 64 * mebibyte,
    runs: 30,
    create: alone({ clusterBytes: 512, compression: { method, level: 1 } }),
  })
}

/** What the parent of each child holds: around every place where the operations on the child are bunched. */
function parentOperations(sizeBytes: number): readonly DiskOperation[] {
  const parentBytes = parentSize(sizeBytes)
  return [0, 0.25, 0.5, 0.75, 1].map((place, index) => {
    const offset = Math.max(0, Math.floor(place * parentBytes) - 150_000)
    return { kind: 'write', offset, length: Math.min(300_000, parentBytes - offset), seed: index + 1 }
  })
}

/** Parents are smaller than their children now and then. */
function parentSize(sizeBytes: number): number {
  return sizeBytes % 1024 === 0 ? Math.max(512, Math.floor(sizeBytes / 1024) * 512) : sizeBytes
}

async function createChild(
  folder: MemoryFolder,
  sizeBytes: number,
  options: Omit<Qcow2WriterOptions, 'sizeBytes' | 'backing'>,
) {
  const parent = await createQcow2(folder.create('parent'), { sizeBytes: parentSize(sizeBytes), clusterBytes: 4096 })
  for (const operation of parentOperations(sizeBytes)) await performOperation(operation, parent)
  await parent.close()
  const disk = await openImage(folder.file('parent'), { codecs: [qcow2Codec] })
  return createQcow2(folder.create('disk'), {
    sizeBytes,
    ...options,
    backing: { name: 'parent', format: 'qcow2', disk },
  })
}

for (const [name, options] of [
  ['', {}],
  [', clusters of 4 KiB', { clusterBytes: 4096 }],
  [', zlib', { compression: { method: 'zlib' } }],
  [', zstd, clusters of 4 KiB', { clusterBytes: 4096, compression: { method: 'zstd' } }],
] as const)
  describeRoundTrip({
    name: `qcow2 child${name}`,
    codec: qcow2Codec,
    sizeStep: 512,
    largest: 2 * gibibyte,
    parentOperations,
    create: (folder, sizeBytes) => createChild(folder, sizeBytes, options),
  })
