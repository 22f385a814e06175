import type { DiskId, DiskSpec, Machine, MachineId, NicSpec } from '@holdfast/core'
import fc from 'fast-check'
import type { ImageFormatName, PlacedDisk } from '../../src/index.js'

const specials = [
  '"',
  "'",
  '|',
  '|22',
  '#',
  '=',
  '<',
  '>',
  '&',
  '&amp;',
  ']]>',
  '--',
  '`',
  '$(x)',
  '\\',
  '/',
  '\n',
  '\r\n',
  '\t',
  '\0',
  '\u2019',
  '\u2028',
  '\ud800',
  '\ufffe',
  'ü',
  '東',
  '😀',
  ' ',
  '..',
]

/** Text that formats trip over. */
const hostileText = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom(...specials), fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 12 })
    .map((parts) => parts.join('')),
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 1500, maxLength: 3000, unit: 'grapheme' }),
)

/** Paths that may be written: no control characters. */
export const hostilePath = hostileText
  .map((text) => text.toWellFormed().replace(/[\p{Cc}\ufffe\uffff\u2028\u2029]/gu, '_'))
  .filter((text) => text.trim() !== '')

const nic: fc.Arbitrary<NicSpec> = fc.record(
  {
    macAddress: fc.oneof(
      fc
        .array(fc.nat(255), { minLength: 6, maxLength: 6 })
        .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')),
      hostileText,
    ),
    network: hostileText,
    model: fc.oneof(fc.constantFrom('virtio', 'e1000', 'vmxnet3', 'E1000', '__proto__', 'toString'), hostileText),
  },
  { requiredKeys: [] },
)

const disk = fc.record(
  {
    id: hostileText.filter((text) => text !== '').map((text) => text as DiskId),
    sizeBytes: fc.integer({ min: 1, max: 2 ** 50 }),
    bus: fc.constantFrom<NonNullable<DiskSpec['bus']>>('scsi', 'sata', 'ide', 'nvme', 'virtio', 'xen'),
    bootOrder: fc.nat(9),
  },
  { requiredKeys: ['id', 'sizeBytes'] },
)

/** Any machine of the neutral model. */
const anyMachine: fc.Arbitrary<Machine> = fc.record(
  {
    id: fc.oneof(fc.uuid(), hostileText).map((text) => text as MachineId),
    name: hostileText,
    firmware: fc.constantFrom('bios' as const, 'uefi' as const),
    cpus: fc.integer({ min: 1, max: 512 }),
    memoryBytes: fc.integer({ min: 1, max: 2 ** 42 }),
    disks: fc.uniqueArray(disk, { selector: ({ id }) => id, maxLength: 12 }),
    nics: fc.array(nic, { maxLength: 4 }),
  },
  { requiredKeys: ['id', 'name', 'disks'] },
)

/** A machine with a place for each disk. */
export function machineAndPlaces(
  imageFormat: ImageFormatName,
  path = (file: string) => file,
): fc.Arbitrary<readonly [Machine, readonly PlacedDisk[]]> {
  return anyMachine.chain((machine) =>
    fc
      .array(hostilePath, { minLength: machine.disks.length, maxLength: machine.disks.length })
      .map(
        (files) =>
          [
            machine,
            machine.disks.map(({ id }, index) => ({ id, file: path(files[index] ?? 'x'), imageFormat })),
          ] as const,
      ),
  )
}
