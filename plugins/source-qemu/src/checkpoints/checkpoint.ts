import type { ChangeToken } from '@holdfast/core'

/**
 * A moment from which on a bitmap of a disk records what changes. The checkpoints of one sequence of backups are a chain.
 *
 * Bitmaps are named `holdfast-<chain>-<moment>`; moments grow within a chain.
 */
export interface Checkpoint {
  readonly chain: string
  /** Seconds since 1970. */
  readonly moment: number
}

/** A checkpoint of one disk, and how fine its bitmap is. */
export interface DiskCheckpoint extends Checkpoint {
  readonly granularityBytes: number
}

const namePattern = /^holdfast-([0-9a-f]{12})-([0-9a-z]{6,9})$/
const tokenPattern = /^qemu1:(holdfast-[0-9a-f]{12}-[0-9a-z]{6,9}):([0-9]{3,10})$/

/** Names the bitmap of a checkpoint. */
export function bitmapName({ chain, moment }: Checkpoint): string {
  return `holdfast-${chain}-${moment.toString(36).padStart(6, '0')}`
}

/** Reads the name of a bitmap; undefined for bitmaps of others. */
export function readBitmapName(name: string): Checkpoint | undefined {
  const [, chain, moment] = namePattern.exec(name) ?? []
  return chain === undefined || moment === undefined ? undefined : { chain, moment: Number.parseInt(moment, 36) }
}

/** Makes the token that leads back to a checkpoint. */
export function changeToken(checkpoint: DiskCheckpoint): ChangeToken {
  return `qemu1:${bitmapName(checkpoint)}:${checkpoint.granularityBytes}` as ChangeToken
}

/** Reads a token; undefined when it is not of this source. */
export function readChangeToken(token: ChangeToken): DiskCheckpoint | undefined {
  const [, name = '', granularity] = tokenPattern.exec(token) ?? []
  const checkpoint = readBitmapName(name)
  return checkpoint === undefined ? undefined : { ...checkpoint, granularityBytes: Number(granularity) }
}

/** Makes the next checkpoint of a chain, later than all before it even when the clock went back. */
export function nextCheckpoint(chain: string, before: readonly Checkpoint[], now: Date): Checkpoint {
  const last = Math.max(0, ...before.filter((each) => each.chain === chain).map(({ moment }) => moment))
  return { chain, moment: Math.max(Math.floor(now.getTime() / 1000), last + 1) }
}
