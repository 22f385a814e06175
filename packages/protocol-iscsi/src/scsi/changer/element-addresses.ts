import { numberAt } from '../bytes.js'
import type { CommandOptions } from '../issue.js'
import { modeSense } from '../primary/mode.js'
import { pageOf } from '../primary/mode-pages.js'
import type { ScsiDevice } from '../scsi-device.js'

/** Elements of one kind, one behind the other. */
export interface ElementRange {
  readonly first: number
  readonly count: number
}

/** Where the elements of a changer are. SMC-3, 7.3.4. */
export interface ElementAddresses {
  /** Arms that carry cartridges. */
  readonly transports: ElementRange
  /** Slots. */
  readonly storage: ElementRange
  /** Mail slots. */
  readonly importExport: ElementRange
  /** Drives. */
  readonly drives: ElementRange
}

const page = 0x1d

/** Asks a changer for its element addresses. @throws ScsiError `unsupported` when the unit is no changer */
export async function elementAddresses(device: ScsiDevice, options: CommandOptions): Promise<ElementAddresses> {
  const parameters = await modeSense(device, { page, withoutBlockDescriptor: true }, options)
  return decodeElementAddresses(pageOf(parameters, page, 16).content)
}

/** Reads the content of page 1Dh of a changer, of at least 16 bytes. */
export function decodeElementAddresses(content: Uint8Array): ElementAddresses {
  const range = (at: number) => ({ first: numberAt(content, at, 2), count: numberAt(content, at + 2, 2) })
  return { transports: range(0), storage: range(4), importExport: range(8), drives: range(12) }
}
