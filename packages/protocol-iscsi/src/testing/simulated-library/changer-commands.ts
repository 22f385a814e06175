import { byteAt, fieldsOf, numberAt } from '../../scsi/bytes.js'
import { type ChangerState, cartridgeIn, type ElementState, firstAddresses, place, take } from './changer-state.js'
import { logPage, tapeAlertParameters } from './drive-memory.js'
import { elementStatus } from './element-status.js'
import { controlPage, modeAnswer, pagesOf, tgtdControlExtension, tgtdZeroPage } from './mode-answer.js'
import { type Condition, check, conditions, good, type Handler, type Outcome } from './outcome.js'
import { inquiry, preventRemoval, reportLuns, requestSense, supportedOperations } from './primary-commands.js'
import { persistentReserveIn, persistentReserveOut, release, reserve } from './reservations.js'

const sourceEmpty: Condition = { key: 0x5, additional: 0x3b0e }
const destinationFull: Condition = { key: 0x5, additional: 0x3b0d }

function elementAt(changer: ChangerState, address: number): ElementState | undefined {
  return changer.elements.find((element) => element.address === address)
}

function unknownElement(changer: ChangerState): Outcome {
  const isVague = changer.settings.quirks.has('unknown-element-is-invalid-field')
  return check(isVague ? conditions.invalidField : { key: 0x5, additional: 0x2101 })
}

/** Says why a cartridge cannot be taken out of an element; undefined when it can. */
function takingRefusal(changer: ChangerState, element: ElementState): Condition | undefined {
  if (cartridgeIn(element) === undefined) return sourceEmpty
  if (element.drive === undefined) return
  if (element.drive.preventedBy.size > 0) return conditions.removalPrevented
  const mustUnload = !changer.settings.supports.moveWithoutUnload
  return mustUnload && element.drive.isLoaded ? { key: 0x5, additional: 0x5303 } : undefined
}

/** MOVE MEDIUM. SMC-3, 6.6. */
const moveMedium: Handler<ChangerState> = (changer, { cdb }) => {
  const source = elementAt(changer, numberAt(cdb, 4, 2))
  const destination = elementAt(changer, numberAt(cdb, 6, 2))
  const transport = numberAt(cdb, 2, 2)
  const hasTransport = transport === 0 || elementAt(changer, transport)?.type === 'transport'
  if (source === undefined || destination === undefined || !hasTransport) return unknownElement(changer)
  // tgtd looks at the destination before it tries to take the cartridge out of a drive.
  if (cartridgeIn(source) === undefined) return check(sourceEmpty)
  if (cartridgeIn(destination) !== undefined && destination !== source) return check(destinationFull)
  const refusal = takingRefusal(changer, source)
  if (refusal !== undefined) return check(refusal)
  carry(changer, source, destination)
  return good()
}

function carry(changer: ChangerState, source: ElementState, destination: ElementState): void {
  const origin = source.type === 'storage' ? source.address : source.source
  const cartridge = take(source)
  if (cartridge === undefined) return
  place(destination, cartridge)
  const isLoose = changer.settings.quirks.has('element-status-loose')
  destination.source = isLoose ? source.address : origin
  changer.counters.moves += 1
}

/** EXCHANGE MEDIUM. SMC-3, 6.3. */
const exchangeMedium: Handler<ChangerState> = (changer, { cdb }) => {
  if (!changer.settings.supports.exchange) return check(conditions.unsupported)
  const source = elementAt(changer, numberAt(cdb, 4, 2))
  const first = elementAt(changer, numberAt(cdb, 6, 2))
  const second = elementAt(changer, numberAt(cdb, 8, 2))
  if (source === undefined || first === undefined || second === undefined) return unknownElement(changer)
  const refusal = takingRefusal(changer, source) ?? takingRefusal(changer, first)
  if (refusal !== undefined) return check(refusal)
  if (second !== source && cartridgeIn(second) !== undefined) return check(destinationFull)
  const [arriving, leaving] = [take(source), take(first)]
  if (arriving !== undefined) place(first, arriving)
  if (leaving !== undefined) place(second, leaving)
  first.source = source.address
  changer.counters.moves += 2
  return good()
}

/** POSITION TO ELEMENT. SMC-3, 6.8. */
const positionToElement: Handler<ChangerState> = (changer, { cdb }) => {
  if (!changer.settings.supports.positionToElement) return check(conditions.unsupported)
  return elementAt(changer, numberAt(cdb, 4, 2)) === undefined ? unknownElement(changer) : good()
}

/** OPEN/CLOSE IMPORT/EXPORT ELEMENT. SMC-3, 6.7. */
const importExportDoor: Handler<ChangerState> = (changer, { cdb }) => {
  if (!changer.settings.supports.importExportDoor) return check(conditions.unsupported)
  const element = elementAt(changer, numberAt(cdb, 2, 2))
  if (element?.type !== 'import-export') return unknownElement(changer)
  const isOpening = (byteAt(cdb, 4) & 0x1f) === 0
  return isOpening && changer.preventedBy.size > 0 ? check(conditions.removalPrevented) : good()
}

/** INITIALIZE ELEMENT STATUS, with and without a range. SMC-3, 6.4 and 6.5. */
const initialize: Handler<ChangerState> = (changer) => {
  changer.counters.inventories += 1
  return good()
}

const always: Handler<ChangerState> = () => good()

/** MODE SENSE: element addresses and what can be moved where. SMC-3, 7.3. */
const modeSense: Handler<ChangerState> = (changer, { cdb }) => {
  const countOf = (type: keyof typeof firstAddresses) =>
    changer.elements.filter((element) => element.type === type).length
  const addresses = fieldsOf(18, (view) => {
    for (const [index, type] of (['transport', 'storage', 'import-export', 'drive'] as const).entries()) {
      const count = countOf(type)
      view.setUint16(4 * index, count === 0 ? 0 : firstAddresses[type])
      view.setUint16(4 * index + 2, count)
    }
  })
  const isTgtd = changer.settings.quirks.has('mode-of-tgtd')
  const pages = [
    ...(isTgtd ? [tgtdZeroPage, controlPage, tgtdControlExtension] : [controlPage]),
    ...pagesOf([
      [0x1a, Uint8Array.of(8, ...new Uint8Array(9))],
      [0x1c, Uint8Array.of(8, ...new Uint8Array(9))],
      [0x1d, addresses],
      [0x1e, new Uint8Array(2)],
      [0x1f, Uint8Array.of(15, 7, 15, 15, 15, 15, 0, 0, 0, 0, 15, 15, 15, 15, 0, 0, 0, 0)],
    ]),
  ]
  const hasDescriptor = isTgtd && (byteAt(cdb, 1) & 0x08) === 0
  return modeAnswer(cdb, pages, { deviceParameter: 0, descriptor: new Uint8Array(hasDescriptor ? 8 : 0) })
}

/** LOG SENSE: TapeAlert. SMC-3, 7.2. */
const logSense: Handler<ChangerState> = (changer, { cdb }) => {
  if (!changer.settings.supports.logSense) return check(conditions.unsupported)
  const page = byteAt(cdb, 2) & 0x3f
  if (page === 0x00) return good(logPage(page, Uint8Array.of(0x00, 0x2e)))
  if (page !== 0x2e) return check(conditions.invalidField)
  return good(logPage(page, tapeAlertParameters(changer.tapeAlerts)).subarray(0, numberAt(cdb, 7, 2)))
}

const common: readonly (readonly [opcode: number, Handler<ChangerState>])[] = [
  [0x00, always],
  [0x03, requestSense],
  [0x07, initialize],
  [0x12, inquiry],
  [0x16, reserve],
  [0x17, release],
  [0x1a, modeSense],
  [0x1b, importExportDoor],
  [0x1e, preventRemoval],
  [0x2b, positionToElement],
  [0x37, initialize],
  [0x4d, logSense],
  [0x5a, modeSense],
  [0x5e, persistentReserveIn],
  [0x5f, persistentReserveOut],
  [0xa0, reportLuns],
  [0xa5, moveMedium],
  [0xa6, exchangeMedium],
  [0xb8, elementStatus],
]

/** The commands of a changer, by their first byte. */
export const changerCommands: ReadonlyMap<number, Handler<ChangerState>> = new Map([
  ...common,
  [0xa3, supportedOperations(common.map(([opcode]) => opcode))],
])
