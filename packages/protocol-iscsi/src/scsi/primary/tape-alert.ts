import type { CommandOptions } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { type LogPage, logSense } from './log.js'
import { changerAlerts, driveAlerts, type TapeAlertEntry } from './tape-alert-flags.js'

/** How bad it is: data may be lost; it may come to that; for information. */
export type TapeAlertSeverity = 'critical' | 'warning' | 'information'

/** A flag that is up. */
export interface TapeAlert {
  /** From 1 to 64. */
  readonly flag: number
  /** As the standard calls it. */
  readonly name: string
  readonly severity: TapeAlertSeverity
}

/** Code of the page with the TapeAlert flags. */
export const tapeAlertPage = 0x2e

/**
 * Asks for the TapeAlert flags of a tape drive or a changer. Reading them takes many of them down. SSC-4, 8.2.3; SMC-3, 7.2.
 *
 * @throws ScsiError `unsupported` when the unit has none
 */
export async function tapeAlerts(
  device: ScsiDevice,
  kind: 'drive' | 'changer',
  options: CommandOptions,
): Promise<readonly TapeAlert[]> {
  return decodeTapeAlerts(await logSense(device, tapeAlertPage, options), kind)
}

/** Reads page 2Eh: the flags that are up. */
export function decodeTapeAlerts({ parameters }: LogPage, kind: 'drive' | 'changer'): readonly TapeAlert[] {
  const table = kind === 'drive' ? driveAlerts : changerAlerts
  const found: TapeAlert[] = []
  for (let flag = 1; flag <= 64; flag += 1)
    if (((parameters.get(flag)?.at(0) ?? 0) & 1) === 1) found.push({ flag, ...nameOf(table[flag], flag) })
  return found
}

const severities = { C: 'critical', W: 'warning', I: 'information' } as const

function nameOf(entry: TapeAlertEntry | undefined, flag: number): Omit<TapeAlert, 'flag'> {
  if (entry === undefined) return { name: `Flag ${flag}`, severity: 'information' }
  return { severity: severities[entry[0]], name: entry[1] }
}
