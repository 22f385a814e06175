import type { HeaderField } from './hostile.js'

const field = (name: string, offset: number, bytes: HeaderField['bytes']): HeaderField => ({
  name,
  offset,
  bytes,
  order: 'little',
})

/** Every field of the structures of a vector with a parent and a log; its current header is the first one. */
export function vhdxFields(at: {
  readonly batAt: number
  readonly metadataAt: number
  readonly logAt: number
}): readonly HeaderField[] {
  const itemsAt = at.metadataAt + 64 * 1024
  return [
    ...headerFields(64 * 1024),
    ...regionFields(192 * 1024),
    ...metadataFields(at.metadataAt),
    ...locatorFields(itemsAt + locatorAt, 3),
    ...logFields(at.logAt),
    field('first BAT entry', at.batAt, 8),
    field('second BAT entry', at.batAt + 8, 8),
  ]
}

function headerFields(header: number): readonly HeaderField[] {
  return [
    field('signature', 0, 8),
    field('creator', 8, 8),
    field('header signature', header, 4),
    field('header checksum', header + 4, 4),
    field('header sequence', header + 8, 8),
    field('FileWriteGuid', header + 16, 8),
    field('DataWriteGuid', header + 32, 8),
    field('LogGuid', header + 48, 8),
    field('LogVersion', header + 64, 2),
    field('Version', header + 66, 2),
    field('LogLength', header + 68, 4),
    field('LogOffset', header + 72, 8),
  ]
}

function regionFields(table: number): readonly HeaderField[] {
  return [
    field('region table signature', table, 4),
    field('region table checksum', table + 4, 4),
    field('region count', table + 8, 4),
    ...['BAT', 'metadata'].flatMap((name, index) => {
      const at = table + 16 + 32 * index
      return [
        field(`${name} region GUID`, at, 8),
        field(`${name} region offset`, at + 16, 8),
        field(`${name} region length`, at + 24, 4),
        field(`${name} region required`, at + 28, 4),
      ]
    }),
  ]
}

/** The items of a vector lie right behind each other, the locator after all others. */
const [sizeAt, sectorAt, physicalSectorAt, locatorAt] = [8, 32, 36, 40]

function metadataFields(table: number): readonly HeaderField[] {
  const itemsAt = table + 64 * 1024
  const names = ['file parameters', 'disk size', 'disk id', 'logical sector', 'physical sector', 'parent locator']
  return [
    field('metadata signature', table, 8),
    field('metadata count', table + 10, 2),
    ...names.flatMap((name, index) => {
      const at = table + 32 + 32 * index
      return [
        field(`${name} item GUID`, at, 8),
        field(`${name} item offset`, at + 16, 4),
        field(`${name} item length`, at + 20, 4),
        field(`${name} item flags`, at + 24, 4),
      ]
    }),
    field('block size', itemsAt, 4),
    field('file parameter flags', itemsAt + 4, 4),
    field('disk size', itemsAt + sizeAt, 8),
    field('logical sector size', itemsAt + sectorAt, 4),
    field('physical sector size', itemsAt + physicalSectorAt, 4),
  ]
}

/** Fields of a parent locator that begins at `at`, with its entries. */
function locatorFields(at: number, count: number): readonly HeaderField[] {
  return [
    field('locator type', at, 8),
    field('locator count', at + 18, 2),
    ...Array.from({ length: count }, (_, index) => at + 20 + 12 * index).flatMap((entry, index) => [
      field(`key offset ${index}`, entry, 4),
      field(`value offset ${index}`, entry + 4, 4),
      field(`key length ${index}`, entry + 8, 2),
      field(`value length ${index}`, entry + 10, 2),
    ]),
  ]
}

/** Fields of a log entry that begins at `at`, and of its first descriptor and data sector. */
function logFields(at: number): readonly HeaderField[] {
  const names = [
    ['signature', 0, 4],
    ['checksum', 4, 4],
    ['EntryLength', 8, 4],
    ['Tail', 12, 4],
    ['SequenceNumber', 16, 8],
    ['DescriptorCount', 24, 4],
    ['Reserved', 28, 4],
    ['LogGuid', 32, 8],
    ['FlushedFileOffset', 48, 8],
    ['LastFileOffset', 56, 8],
    ['descriptor signature', 64, 4],
    ['descriptor trailing bytes', 68, 4],
    ['descriptor leading bytes or length', 72, 8],
    ['descriptor FileOffset', 80, 8],
    ['descriptor SequenceNumber', 88, 8],
    ['data signature', 4096, 4],
    ['data SequenceHigh', 4100, 4],
    ['data SequenceLow', 8188, 4],
  ] as const
  return names.map(([name, offset, bytes]) => field(`log ${name}`, at + offset, bytes))
}
