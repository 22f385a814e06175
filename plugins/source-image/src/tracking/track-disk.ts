import type { ChangeToken, Tracking } from '@holdfast/core'
import type { DiskContent } from '../disks/disk-content.js'
import type { DiskDescription } from '../machines/machine-description.js'
import type { ChangedSince } from './changed-since.js'
import { imageChanges, markImages } from './image-changes.js'
import { imageToken, parseImageToken } from './image-token.js'
import { recordedChanges } from './recorded-changes.js'

/** How the changes of a captured disk are told. */
export interface DiskTracking {
  readonly tracking: Tracking
  readonly changeToken?: ChangeToken
  readonly changesSince: (token: ChangeToken) => Promise<ChangedSince>
}

/** What the tracking of a disk depends on. */
export interface TrackDiskOptions {
  readonly disk: Pick<DiskDescription, 'changeToken' | 'changes'>
  readonly content: Pick<DiskContent, 'layers' | 'sizeBytes'>
  /** Token of the last capture. */
  readonly previous: ChangeToken | undefined
  readonly now: Date
}

/**
 * Decides how a disk is captured, and what the next capture goes by.
 *
 * What somebody recorded in machine.json comes first, and where a token is recorded nothing else counts: that person knows
 * of writers that leave no trace in an image. Then come the images themselves.
 */
export async function trackDisk({ disk, content, previous, now }: TrackDiskOptions): Promise<DiskTracking> {
  const changesSince = async (token: ChangeToken): Promise<ChangedSince> => {
    const recorded = recordedChanges(disk, content.sizeBytes, token)
    if (recorded.known || disk.changeToken !== undefined) return recorded
    const mark = parseImageToken(token)
    return mark === undefined ? recorded : imageChanges(content, mark)
  }
  const changeToken = disk.changeToken ?? (await tokenOf(content, now))
  return {
    tracking:
      previous === undefined
        ? { mode: 'full', reason: 'no earlier capture' }
        : trackingBy(await changesSince(previous)),
    ...(changeToken !== undefined && { changeToken }),
    changesSince,
  }
}

async function tokenOf(content: TrackDiskOptions['content'], now: Date): Promise<ChangeToken | undefined> {
  const mark = await markImages(content, now)
  return mark && imageToken(mark)
}

function trackingBy({ known, reason }: ChangedSince): Tracking {
  return { mode: known ? 'incremental' : 'full', reason }
}
