/** VHD counts seconds from here (Hard Disk Footer Format, "Time Stamp"). */
const epoch = Date.UTC(2000, 0, 1)
const mostSeconds = 0xffff_ffff

/** The moment that a time stamp means. */
export function fromTimestamp(seconds: number): Date {
  return new Date(epoch + seconds * 1000)
}

/** The time stamp of a moment; what lies before the year 2000 becomes its beginning. */
export function toTimestamp(moment: Date): number {
  return Math.min(mostSeconds, Math.max(0, Math.floor((moment.getTime() - epoch) / 1000)))
}
