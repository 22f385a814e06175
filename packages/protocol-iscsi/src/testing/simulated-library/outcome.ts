import type { ScsiCommand } from '../../scsi/index.js'
import { scsiStatus } from '../../scsi/status.js'

/** How a simulated unit answers. */
export interface Outcome {
  readonly status: number
  readonly condition: Condition | undefined
  /** What goes into the buffer, as far as it fits. */
  readonly data: Uint8Array
  /** What is said to have been transferred, where that is a lie. */
  readonly countedBytes?: number
}

/** What becomes sense data. */
export interface Condition {
  readonly key: number
  /** ASC * 256 + ASCQ. */
  readonly additional: number
  readonly filemark?: boolean
  readonly endOfMedium?: boolean
  readonly incorrectLength?: boolean
  readonly information?: number
}

const nothing = new Uint8Array()

/** Success, with or without data. */
export function good(data: Uint8Array = nothing): Outcome {
  return { status: scsiStatus.good, condition: undefined, data }
}

/** CHECK CONDITION. */
export function check(condition: Condition, data: Uint8Array = nothing): Outcome {
  return { status: scsiStatus.checkCondition, condition, data }
}

/** Another status, without sense data. */
export function refuse(status: number): Outcome {
  return { status, condition: undefined, data: nothing }
}

/** Conditions that come from many commands. */
export const conditions = {
  unsupported: { key: 0x5, additional: 0x2000 },
  invalidField: { key: 0x5, additional: 0x2400 },
  invalidParameter: { key: 0x5, additional: 0x2600 },
  noMedium: { key: 0x2, additional: 0x3a00 },
  becomingReady: { key: 0x2, additional: 0x0401 },
  unloaded: { key: 0x2, additional: 0x0402 },
  cleaning: { key: 0x2, additional: 0x3003 },
  writeProtected: { key: 0x7, additional: 0x2700 },
  wormProtected: { key: 0x7, additional: 0x300c },
  removalPrevented: { key: 0x5, additional: 0x5302 },
  hardware: { key: 0x4, additional: 0x4400 },
  wasReset: { key: 0x6, additional: 0x2900 },
  poweredOn: { key: 0x6, additional: 0x2901 },
  mediumChanged: { key: 0x6, additional: 0x2800 },
  importExportAccessed: { key: 0x6, additional: 0x2801 },
  unreadable: { key: 0x3, additional: 0x1100 },
} as const satisfies Record<string, Condition>

/** A unit's own answer to one command of one initiator. */
export type Handler<Unit> = (unit: Unit, command: ScsiCommand, initiator: string) => Outcome
