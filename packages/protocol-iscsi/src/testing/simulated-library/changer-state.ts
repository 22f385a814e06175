import type { ElementType } from '../../scsi/index.js'
import type { Cartridge } from './cartridge.js'
import { type DriveState, mount, unmount } from './drive-state.js'
import type { UnitState } from './unit-state.js'

/** One element of the changer. */
export interface ElementState {
  readonly type: ElementType
  readonly address: number
  /** Of a drive's element; then the cartridge is in the drive. */
  readonly drive: DriveState | undefined
  held: Cartridge | undefined
  source: number | undefined
  /** An operator put the cartridge in. */
  byOperator: boolean
  exception: number | undefined
}

/** The changer. */
export interface ChangerState extends UnitState {
  /** In the order in which tgtd keeps them: arm, drives, mail slots, slots. */
  readonly elements: readonly ElementState[]
  readonly counters: { moves: number; inventories: number }
}

/** First addresses of the kinds of elements. */
export const firstAddresses = { transport: 1, drive: 256, 'import-export': 768, storage: 1024 } as const

/** The cartridge in an element. */
export function cartridgeIn(element: ElementState): Cartridge | undefined {
  return element.drive === undefined ? element.held : element.drive.cartridge
}

/** Takes the cartridge out of an element. */
export function take(element: ElementState): Cartridge | undefined {
  const cartridge = element.drive === undefined ? element.held : unmount(element.drive)
  element.held = undefined
  element.byOperator = false
  element.source = undefined
  return cartridge
}

/** Puts a cartridge into an element. */
export function place(element: ElementState, cartridge: Cartridge): void {
  if (element.drive === undefined) element.held = cartridge
  else mount(element.drive, cartridge)
}
