import { fieldsOf } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { commandTimeoutsMs } from '../timeouts.js'

const timeoutMs = commandTimeoutsMs.move

/** From where to where. */
export interface Move {
  readonly source: number
  readonly destination: number
  /** @defaultValue 0: whichever arm the changer likes */
  readonly transport?: number
}

/**
 * Moves a cartridge from an element to another. SMC-3, 6.6.
 *
 * @throws ScsiError `source-empty`, `destination-full`, `unknown-element`, `removal-prevented`, `hardware-error`, `not-ready`
 */
export async function moveMedium(device: ScsiDevice, move: Move, options: CommandOptions): Promise<void> {
  const cdb = fieldsOf(12, (view) => {
    view.setUint8(0, 0xa5)
    view.setUint16(2, move.transport ?? 0)
    view.setUint16(4, move.source)
    view.setUint16(6, move.destination)
  })
  await issue(device, { what: 'MOVE MEDIUM', cdb, timeoutMs }, options)
}

/** A move that makes room before. */
export interface Exchange extends Move {
  /** Where the cartridge goes that was in `destination`; it may be `source`. */
  readonly secondDestination: number
}

/** Moves a cartridge, and the one that is in its way elsewhere. SMC-3, 6.3. @throws ScsiError as `moveMedium`; `unsupported` */
export async function exchangeMedium(device: ScsiDevice, exchange: Exchange, options: CommandOptions): Promise<void> {
  const cdb = fieldsOf(12, (view) => {
    view.setUint8(0, 0xa6)
    view.setUint16(2, exchange.transport ?? 0)
    view.setUint16(4, exchange.source)
    view.setUint16(6, exchange.destination)
    view.setUint16(8, exchange.secondDestination)
  })
  await issue(device, { what: 'EXCHANGE MEDIUM', cdb, timeoutMs }, options)
}

/** Moves an arm to an element, so that the next move is sooner done. SMC-3, 6.8. */
export async function positionToElement(
  device: ScsiDevice,
  place: { readonly transport?: number; readonly element: number },
  options: CommandOptions,
): Promise<void> {
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x2b)
    view.setUint16(2, place.transport ?? 0)
    view.setUint16(4, place.element)
  })
  await issue(device, { what: 'POSITION TO ELEMENT', cdb, timeoutMs }, options)
}

/** Unlocks a mail slot for the operator, or takes it back in. SMC-3, 6.7. @throws ScsiError `unsupported` */
export async function setImportExportDoor(
  device: ScsiDevice,
  door: { readonly element: number; readonly isOpen: boolean },
  options: CommandOptions,
): Promise<void> {
  const cdb = fieldsOf(6, (view) => {
    view.setUint8(0, 0x1b)
    view.setUint16(2, door.element)
    view.setUint8(4, door.isOpen ? 0 : 1)
  })
  await issue(device, { what: 'OPEN/CLOSE IMPORT/EXPORT ELEMENT', cdb, timeoutMs }, options)
}

/** Makes a changer look at its elements again: all of them, or a range. SMC-3, 6.4 and 6.5. */
export async function initializeElementStatus(
  device: ScsiDevice,
  range: { readonly first: number; readonly count: number } | undefined,
  options: CommandOptions,
): Promise<void> {
  const cdb =
    range === undefined
      ? Uint8Array.of(0x07, 0, 0, 0, 0, 0)
      : fieldsOf(10, (view) => {
          view.setUint8(0, 0x37)
          view.setUint8(1, 0x01)
          view.setUint16(2, range.first)
          view.setUint16(6, range.count)
        })
  const what = range === undefined ? 'INITIALIZE ELEMENT STATUS' : 'INITIALIZE ELEMENT STATUS WITH RANGE'
  await issue(device, { what, cdb, timeoutMs: commandTimeoutsMs.inventory }, options)
}
