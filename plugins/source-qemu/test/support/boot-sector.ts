import type { DiskId, Machine, MachineId } from '@holdfast/core'

/** A machine of one small disk, for {@link bootSector}. */
export const bootableMachine: Machine = {
  id: 'sector' as MachineId,
  name: 'sector',
  firmware: 'bios',
  cpus: 1,
  memoryBytes: 32 * 2 ** 20,
  disks: [{ id: 'disk-0' as DiskId, sizeBytes: 2 ** 20, bus: 'virtio' }],
}

/** A guest of one sector: it writes itself to the second sector of its disk, prints a line on the serial port and halts. */
export function bootSector(text: string): Uint8Array {
  const sector = new Uint8Array(512)
  const program = [
    ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0], // ax, ds, es = 0
    ...[0xb8, 0x01, 0x03, 0xbb, 0x00, 0x7c, 0xb9, 0x02, 0x00, 0xba, 0x80, 0x00, 0xcd, 0x13], // write it: int 13h
    ...[0xbe, 0x25, 0x7c, 0xba, 0xf8, 0x03], // si = text, dx = port of the first serial line
    ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // print until a zero
    ...[0xf4, 0xeb, 0xfd], // halt
  ]
  sector.set(program)
  sector.set(new TextEncoder().encode(`${text}\r\n`), program.length)
  sector.set([0x55, 0xaa], 510)
  return sector
}
