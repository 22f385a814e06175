import type { ScsiCommand, ScsiDevice } from '../../scsi/index.js'
import { type BlockStore, blockStore } from './block-store.js'
import { append, type Cartridge, makeCartridge, truncate } from './cartridge.js'
import { changerCommands } from './changer-commands.js'
import { type ChangerState, cartridgeIn, type ElementState, firstAddresses, place, take } from './changer-state.js'
import { driveCommands } from './drive-commands.js'
import { type DriveCounters, type DriveState, noCounters, overheadOf } from './drive-state.js'
import { type SimulatedFault, waitingFault } from './faults.js'
import {
  type SimulatedCartridgeOptions,
  type SimulatedLibraryOptions,
  settingsOf,
  type TapeContent,
} from './options.js'
import { conditions } from './outcome.js'
import { runCommand } from './run-command.js'
import { announce, restartUnit, type UnitState, unitState } from './unit-state.js'

/** The units of a library as one initiator sees them. */
export interface SimulatedUnits {
  readonly changer: ScsiDevice
  readonly drives: readonly ScsiDevice[]
}

/** Which unit a fault is for: a drive by its number from 0 on, or the changer. */
export type SimulatedUnit = number | 'changer'

/** A cartridge as it would be found now. */
export interface SimulatedCartridge {
  readonly barcode: string
  /** Element that it lies in; undefined when it was taken away. */
  readonly address: number | undefined
  readonly objects: readonly TapeContent[]
  /** How many of the objects are on the tape; the others are in a drive's buffer. */
  readonly flushedObjects: number
  readonly usedBytes: number
  readonly loadCount: number
}

/** A tape library in memory, and what can be done to it from the outside. */
export interface SimulatedLibrary extends SimulatedUnits, Disposable {
  /** The same units for another initiator, which has unit attentions and reservations of its own. */
  readonly initiator: (name: string) => SimulatedUnits
  readonly cartridge: (barcode: string) => SimulatedCartridge
  readonly counters: (drive: number) => DriveCounters
  /** Moves and inventories of the changer. */
  readonly changerCounters: () => { readonly moves: number; readonly inventories: number }
  /** Makes a command fail that comes later. */
  readonly failNext: (unit: SimulatedUnit, fault: SimulatedFault) => void
  /** Makes a block of a cartridge unreadable: 03/11/00. */
  readonly damageBlock: (barcode: string, object: number) => void
  /**
   * Takes the power away and gives it back: what was not flushed is gone, drives stand at the beginning, reservations
   * end. `halfWritten` leaves the first block that was lost on the tape, unreadable.
   */
  readonly losePower: (options?: { readonly halfWritten?: boolean }) => void
  /** Swaps what two elements hold behind the host's back; `silently` keeps even the drives from telling. */
  readonly swapByHand: (one: number, other: number, options?: { readonly silently?: boolean }) => void
  /** Puts a cartridge into an element as an operator does, and tells the initiators of the changer. */
  readonly insertByHand: (address: number, cartridge: SimulatedCartridgeOptions) => void
  /** Takes the cartridge out of an element as an operator does. */
  readonly removeByHand: (address: number) => void
  readonly setWriteProtection: (barcode: string, isProtected: boolean) => void
  /** Raises a TapeAlert flag until it is read. */
  readonly raiseTapeAlert: (unit: SimulatedUnit, flag: number) => void
  /** Marks an element as defective: ASC * 256 + ASCQ. */
  readonly setElementException: (address: number, additional: number | undefined) => void
  /** Kills a unit: it answers no more, or each command with a hardware error. */
  readonly kill: (unit: SimulatedUnit, how: 'silent' | 'hardware-error') => void
}

/**
 * Makes a tape library in memory that behaves by SPC-4, SSC-4 and SMC-3, as one with LTO drives does.
 *
 * Elements have the addresses 1 (arm), 256 (drives), 768 (mail slots) and 1024 (slots) and up.
 */
export function simulatedLibrary(options: SimulatedLibraryOptions): SimulatedLibrary {
  const settings = settingsOf(options)
  const store = blockStore(options.blockFile)
  const isTgtd = settings.quirks.has('mode-of-tgtd')
  const drives = Array.from({ length: options.drives }, (_, index) => makeDrive(settings, store, index))
  const changer: ChangerState = {
    ...unitState(settings, {
      kind: 'changer',
      vendor: isTgtd ? 'IET' : 'HOLDFAST',
      product: isTgtd ? 'VIRTUAL-CHANGER' : 'SIMULATOR',
      serialNumber: 'CHANGER01',
    }),
    elements: makeElements(options, drives),
    counters: { moves: 0, inventories: 0 },
  }
  for (const cartridge of options.cartridges) fill(changer, cartridge, store)
  return { ...unitsFor(drives, changer, 'host'), ...controls(drives, changer, store) }
}

function makeDrive(settings: ReturnType<typeof settingsOf>, store: BlockStore, index: number): DriveState {
  return {
    ...unitState(settings, {
      kind: 'drive',
      vendor: 'IBM',
      product: 'ULT3580-TD5',
      serialNumber: `DRV00${index + 1}`,
    }),
    store,
    cartridge: undefined,
    isLoaded: false,
    position: 0,
    readyIn: 0,
    blockLengthBytes: 0,
    bufferedMode: 1,
    isCompressing: !settings.quirks.has('mode-of-tgtd'),
    hasWarned: false,
    stream: 'idle',
    counters: noCounters(),
  }
}

function makeElements(options: SimulatedLibraryOptions, drives: readonly DriveState[]): readonly ElementState[] {
  const range = (type: keyof typeof firstAddresses, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      type,
      address: firstAddresses[type] + index,
      drive: type === 'drive' ? drives[index] : undefined,
      held: undefined,
      source: undefined,
      byOperator: false,
      exception: undefined,
    }))
  return [
    ...range('transport', 1),
    ...range('drive', drives.length),
    ...range('import-export', options.importExportSlots ?? 0),
    ...range('storage', options.slots),
  ]
}

function fill(changer: ChangerState, options: SimulatedCartridgeOptions, store: BlockStore): void {
  const isWanted = ({ type, address }: ElementState) =>
    options.address === undefined ? type === 'storage' : address === options.address
  const element = changer.elements.find((each) => isWanted(each) && cartridgeIn(each) === undefined)
  if (element === undefined) throw new Error(`There is no free element for the cartridge ${options.barcode}.`)
  place(element, makeCartridge(options, store))
}

function unitsFor(drives: readonly DriveState[], changer: ChangerState, initiator: string): SimulatedUnits {
  const device = (run: (command: ScsiCommand) => ReturnType<typeof runCommand>): ScsiDevice => ({
    execute: async (command, { signal }) => {
      signal.throwIfAborted()
      return run(command)
    },
  })
  return {
    changer: device((command) => runCommand({ state: changer, handlers: changerCommands }, command, initiator)),
    drives: drives.map((state) =>
      device((command) => runCommand({ state, handlers: driveCommands }, command, initiator)),
    ),
  }
}

function controls(
  drives: readonly DriveState[],
  changer: ChangerState,
  store: BlockStore,
): Omit<SimulatedLibrary, keyof SimulatedUnits> {
  const unitOf = (unit: SimulatedUnit): UnitState => {
    const found = unit === 'changer' ? changer : drives[unit]
    if (found === undefined) throw new Error(`There is no drive ${unit}.`)
    return found
  }
  const driveOf = (index: number): DriveState => {
    const drive = drives[index]
    if (drive === undefined) throw new Error(`There is no drive ${index}.`)
    return drive
  }
  const elementAt = (address: number): ElementState => {
    const element = changer.elements.find((each) => each.address === address)
    if (element === undefined) throw new Error(`There is no element ${address}.`)
    return element
  }
  const removed: Cartridge[] = []
  const find = (barcode: string): { cartridge: Cartridge; address: number | undefined } => {
    const element = changer.elements.find((each) => cartridgeIn(each)?.barcode === barcode)
    const cartridge = element === undefined ? removed.find((each) => each.barcode === barcode) : cartridgeIn(element)
    if (cartridge === undefined) throw new Error(`There is no cartridge ${barcode}.`)
    return { cartridge, address: element?.address }
  }
  return {
    initiator: (name) => unitsFor(drives, changer, name),
    cartridge: (barcode) => describe(find(barcode), store),
    counters: (drive) => ({ ...driveOf(drive).counters, commands: driveOf(drive).answered.commands }),
    changerCounters: () => ({ ...changer.counters }),
    failNext: (unit, fault) => void unitOf(unit).faults.push(waitingFault(fault)),
    damageBlock: (barcode, index) => {
      const { objects } = find(barcode).cartridge
      const object = objects[index]
      if (object?.kind !== 'block') throw new Error(`Object ${index} of ${barcode} is no block.`)
      objects[index] = { ...object, isUnreadable: true }
    },
    losePower: ({ halfWritten = false } = {}) => {
      for (const drive of drives) restartDrive(drive, halfWritten)
      restartUnit(changer, conditions.poweredOn)
    },
    swapByHand: (one, other, { silently = false } = {}) => {
      const elements = [elementAt(one), elementAt(other)] as const
      const [first, second] = [take(elements[0]), take(elements[1])]
      if (second !== undefined) place(elements[0], second)
      if (first !== undefined) place(elements[1], first)
      if (silently) for (const { drive } of elements) if (drive !== undefined) quieten(drive)
    },
    insertByHand: (address, options) => {
      const element = elementAt(address)
      fill(changer, { ...options, address }, store)
      element.byOperator = true
      announce(changer, element.type === 'import-export' ? conditions.importExportAccessed : conditions.mediumChanged)
    },
    removeByHand: (address) => {
      const element = elementAt(address)
      const cartridge = take(element)
      if (cartridge !== undefined) removed.push(cartridge)
      announce(changer, element.type === 'import-export' ? conditions.importExportAccessed : conditions.mediumChanged)
    },
    setWriteProtection: (barcode, isProtected) => {
      find(barcode).cartridge.isWriteProtected = isProtected
    },
    raiseTapeAlert: (unit, flag) => void unitOf(unit).tapeAlerts.add(flag),
    setElementException: (address, additional) => {
      elementAt(address).exception = additional
    },
    kill: (unit, how) => {
      unitOf(unit).death = how
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  }
}

function describe(
  { cartridge, address }: { cartridge: Cartridge; address: number | undefined },
  store: BlockStore,
): SimulatedCartridge {
  const { barcode, flushedObjects, usedBytes, loadCount } = cartridge
  const objects = cartridge.objects.map((object) => (object.kind === 'filemark' ? 'filemark' : store.get(object.block)))
  return { barcode, address, objects, flushedObjects, usedBytes, loadCount }
}

/** A swap that nobody noticed: the drive thinks that it still has the tape it had. */
function quieten(drive: DriveState): void {
  drive.readyIn = 0
  for (const queue of drive.attentions.values())
    queue.splice(0, queue.length, ...queue.filter((each) => each !== conditions.mediumChanged))
}

function restartDrive(drive: DriveState, halfWritten: boolean): void {
  const { cartridge } = drive
  restartUnit(drive, conditions.poweredOn)
  drive.blockLengthBytes = 0
  drive.bufferedMode = 1
  drive.position = 0
  drive.stream = 'idle'
  if (cartridge === undefined) return
  const lost = cartridge.objects[cartridge.flushedObjects]
  truncate(cartridge, cartridge.flushedObjects, overheadOf(drive))
  if (halfWritten && lost?.kind === 'block') append(cartridge, { ...lost, isUnreadable: true }, overheadOf(drive))
  cartridge.flushedObjects = cartridge.objects.length
}
