/** Bounds of what is read: far above what hypervisors write, far below what could hurt. */
export const limits = {
  /** Size of one description. */
  textBytes: 8 * 1024 * 1024,
  /** Disks, and network cards, of one machine. */
  devices: 1024,
  /** Machines of one OVF envelope. */
  machines: 1024,
  /** Files, and disks, of one OVF envelope. */
  files: 10_000,
  /** Keys of a VMX, elements and attributes of an XML document. */
  parts: 100_000,
  /** Nesting of XML elements. */
  depth: 64,
  /** Notes about one machine; the last one counts the rest. */
  notes: 500,
} as const
