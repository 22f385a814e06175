import { seededBytes, seededImage } from '../src/images/index.js'
import { type MemorySourceOptions, memorySource } from '../src/memory/index.js'
import { type DescribedSource, describeSource } from '../src/vitest.js'

describeSource('memorySource', () => environmentOf({}))
describeSource('memorySource without any optional feature', () =>
  environmentOf({ changedExtents: false, sparse: false, restore: false }),
)

function environmentOf(options: Partial<MemorySourceOptions>): DescribedSource {
  const source = memorySource({
    ...options,
    machines: [
      {
        name: 'web-1',
        labels: { tier: 'web' },
        disks: { root: seededImage(1_500_000, 1), empty: new Uint8Array(100_000) },
      },
      { name: 'db-1', id: 'b7', labels: { tier: 'db' }, disks: { root: seededBytes(300_001, 2) } },
    ],
  })
  let changes = 0
  return {
    create: () => source,
    machines: [
      { id: 'web-1', name: 'web-1' },
      { id: 'b7', name: 'db-1' },
    ].map(({ id, name }) => ({ id: id as DescribedSource['machines'][number]['id'], name })),
    reference: async (machine, disk) => source.bytes(machine, disk),
    inventory: async () => source.inventory(),
    mutate: async (machine, disk) => source.mutate(machine, disk, 70_000, seededBytes(5_000, ++changes)),
    change: async (machine) => {
      source.mutate(machine, 'root', 10_000, seededBytes(5_000, ++changes))
      source.mutate(machine, 'root', 200_000, new Uint8Array(9_000))
    },
  }
}
