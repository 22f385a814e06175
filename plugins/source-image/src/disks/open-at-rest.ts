import type { Clock, DiskId } from '@holdfast/core'
import { sameStamp, stampedMs } from '../files/disk-file.js'
import type { DiskDescription } from '../machines/machine-description.js'
import type { DiskContent } from './disk-content.js'
import type { OpenedDisk } from './open-disk.js'

// Kernels stamp files by a clock that ticks every 1 to 10 ms: two writes within a tick look like one.
const tickMs = 20
const rounds = 5

/** A disk with whether its files were at rest. */
export type RestingDisk = OpenedDisk & { readonly disk: DiskDescription; readonly atRest: boolean }

/** The disks of a machine, as far as they are open. */
export type OpenDisks = Map<DiskId, RestingDisk>

/** What opening disks needs. */
export interface OpenAtRestOptions {
  readonly open: (disk: DiskDescription) => Promise<OpenedDisk>
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Opens disks such that any later write must show in the stamps of their files.
 *
 * A disk written to just now is opened anew until its files are at rest, at most a tenth of a second in all, then given up:
 * nothing that was read of it before then counts. All disks are seen as they are at one moment, the last look at all of them.
 * `opened` holds what is open, also when this throws.
 */
export async function openAtRest(
  disks: readonly DiskDescription[],
  opened: OpenDisks,
  { open, clock, signal }: OpenAtRestOptions,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    for (const disk of disks) {
      signal.throwIfAborted()
      const before = opened.get(disk.id)
      if (before !== undefined && isSettled(before)) continue
      opened.delete(disk.id)
      if (before?.kind === 'open') await before.content.close()
      const began = clock.now()
      const result = await open(disk)
      const atRest = result.kind === 'open' && isAtRest(result.content, began, clock.now())
      opened.set(disk.id, { disk, ...result, atRest })
    }
    if (round === rounds || [...opened.values()].every(isSettled)) return
    await clock.sleep(tickMs, { signal })
  }
}

/** Tells whether a disk is done with: all its files were at rest when they were opened and are what they were then. */
export function isSettled(disk: RestingDisk): boolean {
  if (disk.kind === 'unavailable') return true
  return disk.atRest && disk.content.files.every((file) => sameStamp(file.stamp(), file.opened))
}

/** Tells whether files that were stamped between `began` and `ended` had been at rest for more than a tick by then. */
function isAtRest({ files }: DiskContent, began: Date, ended: Date): boolean {
  return files.every(({ opened }) => {
    const at = stampedMs(opened)
    // A stamp from the future is another machine's clock, of which nothing can be told.
    return at > ended.getTime() || began.getTime() - at > tickMs
  })
}
