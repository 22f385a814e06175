import type { DescribedMachine } from '../described-machine.js'

/** What an OVF descriptor describes: one machine, or the several of a collection. */
export interface OvfPackage {
  readonly machines: readonly DescribedMachine[]
  /** Every file that the descriptor refers to, in its order, which is also that of an OVA. */
  readonly files: readonly OvfFile[]
}

/** A file of an OVF package. */
export interface OvfFile {
  readonly id: string
  /** Name or URL exactly as stated; untrusted. */
  readonly href: string
  readonly sizeBytes?: number
  /** How the file is packed: `gzip`. */
  readonly compression?: string
  /** The file is cut into parts of this size, named `HREF.000000000` and so on. */
  readonly chunkBytes?: number
}
