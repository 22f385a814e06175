import { vmdkCodec } from '../src/vmdk/index.js'
import { describeHostile, type HeaderField, type HostileSeed } from './support/hostile.js'
import { encodeCowd } from './support/vmdk-cowd.js'
import { descriptorText } from './support/vmdk-descriptor.js'
import { bytesOf, extentCodec, patched, smallDisk, vmdkFiles } from './support/vmdk-memory.js'
import { encodeSeSparse } from './support/vmdk-se-sparse.js'

/** Six grains, two of them stored: damaging and reading it takes no time. */
const sizeBytes = 5 * 65_536 + 512

const hostedFields: readonly HeaderField[] = (
  [
    ['magic', 0, 4],
    ['version', 4, 4],
    ['flags', 8, 4],
    ['capacity', 12, 8],
    ['grainSize', 20, 8],
    ['descriptorOffset', 28, 8],
    ['descriptorSize', 36, 8],
    ['numGTEsPerGT', 44, 4],
    ['rgdOffset', 48, 8],
    ['gdOffset', 56, 8],
    ['overHead', 64, 8],
    ['uncleanShutdown', 72, 1],
    ['singleEndLineChar', 73, 1],
    ['compressAlgorithm', 77, 2],
  ] as const
).map(([name, offset, bytes]) => ({ name, offset, bytes, order: 'little' }))

/** Header, descriptor, directories and tables; in a stream the end too. */
function seed(name: string, bytes: Uint8Array, overheadBytes: number, endBytes = 0): HostileSeed {
  const end = bytes.byteLength - endBytes
  return {
    name,
    bytes,
    structures: [
      { offset: 0, length: 80 },
      { offset: 512, length: 400 },
      { offset: 21 * 512, length: overheadBytes - 21 * 512 },
      ...(endBytes > 0 ? [{ offset: end, length: endBytes }] : []),
    ],
  }
}

const sparse = async () => {
  const { disk } = await vmdkFiles(smallDisk(sizeBytes))
  return seed('monolithicSparse', disk ?? new Uint8Array(), 33 * 512)
}
/** Tables, directory, footer: about 4 KiB at the end; then the markers of grains. */
const stream = async () => {
  const { disk } = await vmdkFiles(smallDisk(sizeBytes), { kind: 'streamOptimized' })
  return seed('streamOptimized', disk ?? new Uint8Array(), 65_536 + 4096, 9 * 512)
}

describeHostile({
  name: 'VMDK, sparse with its descriptor',
  codec: vmdkCodec,
  fields: hostedFields,
  seeds: async () => {
    const image = await sparse()
    const zeroed = patched(image.bytes, [
      [4, 4, 2],
      [8, 4, 7],
    ])
    return [image, { ...image, name: 'zeroed grains', bytes: zeroed }]
  },
})

describeHostile({
  name: 'VMDK, stream',
  codec: vmdkCodec,
  fields: hostedFields,
  seeds: async () => [await stream()],
})

describeHostile({
  name: 'VMDK, hosted extent whose descriptor agrees with it',
  codec: extentCodec('twoGbMaxExtentSparse', 'SPARSE', { at: 12, bytes: 8 }),
  fields: hostedFields,
  seeds: async () => [await sparse(), await stream()],
})

describeHostile({
  name: 'VMDK, COWD extent',
  codec: extentCodec('vmfsSparse', 'VMFSSPARSE', { at: 12, bytes: 4 }),
  fields: [
    { name: 'magic', offset: 0 },
    { name: 'version', offset: 4 },
    { name: 'flags', offset: 8 },
    { name: 'numSectors', offset: 12 },
    { name: 'grainSize', offset: 16 },
    { name: 'gdOffset', offset: 20 },
    { name: 'numGDEntries', offset: 24 },
    { name: 'freeSector', offset: 28 },
    { name: 'uncleanShutdown', offset: 1648 },
  ].map((field) => ({ ...field, bytes: 4, order: 'little' })),
  seeds: async () =>
    [1, 8].map((grainSectors) => {
      const bytes = encodeCowd(smallDisk(sizeBytes), { grainSectors })
      const structures = [
        { offset: 0, length: 32 },
        { offset: 2048, length: 512 + 16_384 },
      ]
      return { name: `grains of ${grainSectors}`, bytes, structures }
    }),
})

describeHostile({
  name: 'VMDK, seSparse extent',
  codec: extentCodec('seSparse', 'SESPARSE', { at: 16, bytes: 8 }),
  fields: [
    ...['magic', 'version', 'capacity', 'grainSize', 'grainTableSize', 'flags'].map((name, i) => ({
      name,
      offset: 8 * i,
    })),
    { name: 'reserved', offset: 48 },
    { name: 'volatileHeaderOffset', offset: 80 },
    { name: 'grainDirOffset', offset: 128 },
    { name: 'grainDirSize', offset: 136 },
    { name: 'grainTablesOffset', offset: 144 },
    { name: 'grainTablesSize', offset: 152 },
    { name: 'grainsOffset', offset: 192 },
    { name: 'grainsSize', offset: 200 },
    { name: 'volatile magic', offset: 512 },
    { name: 'replayJournal', offset: 512 + 24 },
  ].map((field) => ({ ...field, bytes: 8, order: 'little' })),
  seeds: async () => [
    {
      name: 'seSparse',
      bytes: encodeSeSparse(smallDisk(sizeBytes), { firstGrain: 3 }),
      structures: [
        { offset: 0, length: 208 },
        { offset: 512, length: 32 },
        { offset: 16 * 512, length: 512 + 32_768 },
      ],
    },
  ],
})

describeHostile({
  name: 'VMDK, descriptor of several files',
  codec: vmdkCodec,
  fields: [],
  seeds: async () => {
    const { disk = new Uint8Array(), ...others } = await vmdkFiles(smallDisk(sizeBytes), {
      kind: 'twoGbMaxExtentSparse',
    })
    const text = descriptorText('custom', [
      'RW 128 FLAT "flat" 1',
      'RW 1 ZERO',
      `RW ${sizeBytes / 512} SPARSE "disk-s001.vmdk"`,
      'RDONLY 64 FLAT "flat" 0',
    ])
    const whole = (bytes: Uint8Array) => [{ offset: 0, length: bytes.byteLength }]
    const mixed = { ...others, flat: new Uint8Array(129 * 512) }
    return [
      { name: 'split', bytes: disk, others, structures: whole(disk) },
      { name: 'mixed', bytes: bytesOf(text), others: mixed, structures: whole(bytesOf(text)) },
    ]
  },
})
