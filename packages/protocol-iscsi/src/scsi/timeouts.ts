const minuteMs = 60_000

/**
 * How long kinds of commands are waited for; what vendors of LTO drives and libraries recommend, rounded up.
 *
 * A medium is a thousand metres long and moves at some metres a second; an arm crosses several frames.
 */
export const commandTimeoutsMs = {
  /** Asks, and answers from memory. */
  inquiry: minuteMs,
  /** Reads and writes, which wait for a tape that stops and starts. */
  transfer: 30 * minuteMs,
  /** Rewinds, spaces and locates, with the tape's whole length. */
  position: 60 * minuteMs,
  /** Loads and unloads, which thread and rewind. */
  load: 30 * minuteMs,
  /** Moves between elements, which may unload a drive first. */
  move: 30 * minuteMs,
  /** Takes inventory of all elements with a barcode reader. */
  inventory: 120 * minuteMs,
  /** Erases from here to the end of the tape. */
  erase: 24 * 60 * minuteMs,
} as const
