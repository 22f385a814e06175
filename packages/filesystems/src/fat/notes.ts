import type { CallOptions } from '../filesystem.js'
import type { AllocationTable } from './allocation-table.js'
import type { FatGeometry } from './boot-sector.js'

/** Bits of the second entry of the table that say how the volume was left: set when all is well. */
const flags = { 12: undefined, 16: { clean: 0x8000, whole: 0x4000 }, 32: { clean: 0x800_0000, whole: 0x400_0000 } }

/** What is worth knowing about a FAT file system. */
export async function fatNotes(
  { bits, isDirty }: FatGeometry,
  table: AllocationTable,
  options: CallOptions,
): Promise<readonly string[]> {
  const entry = await table.entry(1, options)
  const { clean, whole } = flags[bits] ?? { clean: 0, whole: 0 }
  const notes = ['Times are stored without a time zone; they are given as if they were UTC.']
  if (isDirty || (entry & clean) !== clean) notes.push('The file system was not unmounted cleanly.')
  if ((entry & whole) !== whole) notes.push('The file system has recorded errors; a check is due.')
  return notes
}
