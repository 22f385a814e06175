/** Every place and length in a VMDK counts sectors of this size, whatever sector size the guest sees. */
export const sectorBytes = 512

/** Rounds up to whole sectors. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / sectorBytes)
}
