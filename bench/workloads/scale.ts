import type { GuestData } from './guest-data.ts'
import { gib, mib } from './units.ts'

/** How large the workloads are. */
export interface Scale {
  readonly name: string
  readonly diskBytes: number
  /** Bytes of real files on the disk: about 55 % of it. */
  readonly fileBytes: number
  readonly clones: number
  readonly cloneBytes: number
  readonly cloneFileBytes: number
  readonly incompressibleBytes: number
  /** The large disk is this many copies of the disk's content, all different. */
  readonly largeTimes: number
  readonly scatteredBytes: number
  readonly indexedChunks: number
  /** The second disk of a running guest, and how much it writes between two backups. */
  readonly guest: GuestData & { readonly writeBytes: number }
  readonly nbdBytes: number
  /** What the jobs of raw blocks move, again and again the same piece of it. */
  readonly tape: { readonly movedBytes: number; readonly pieceBytes: number }
}

/** What the bars are stated for. */
export const fullScale: Scale = {
  name: 'full',
  diskBytes: 4 * gib,
  fileBytes: 2300 * mib,
  clones: 10,
  cloneBytes: gib,
  cloneFileBytes: 590 * mib,
  incompressibleBytes: gib,
  largeTimes: 4,
  scatteredBytes: 64 * gib,
  indexedChunks: 10_000_000,
  guest: { diskBytes: 3 * gib, noiseBytes: 1536 * mib, textBytes: 512 * mib, writeBytes: 64 * mib },
  nbdBytes: 2 * gib,
  tape: { movedBytes: 2 * gib, pieceBytes: 64 * mib },
}

/** For work on the benchmark itself: start-up costs weigh far too much at this size. */
export const quickScale: Scale = {
  name: 'quick',
  diskBytes: 512 * mib,
  fileBytes: 288 * mib,
  clones: 3,
  cloneBytes: 128 * mib,
  cloneFileBytes: 64 * mib,
  incompressibleBytes: 128 * mib,
  largeTimes: 4,
  scatteredBytes: 8 * gib,
  indexedChunks: 1_000_000,
  guest: { diskBytes: 384 * mib, noiseBytes: 192 * mib, textBytes: 64 * mib, writeBytes: 8 * mib },
  nbdBytes: 256 * mib,
  tape: { movedBytes: 256 * mib, pieceBytes: 64 * mib },
}
