import { setTimeout as sleep } from 'node:timers/promises'
import { byteAt, fieldsOf, hasBits, numberAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { isScsiError, malformed, type ScsiErrorCode } from '../scsi-error.js'
import { decodeSense, type Sense } from '../sense/sense.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** Asks whether a unit is ready. SPC-4, 6.46. @throws ScsiError that says why it is not */
export async function testUnitReady(device: ScsiDevice, options: CommandOptions): Promise<void> {
  const timeoutMs = commandTimeoutsMs.inquiry
  await issue(device, { what: 'TEST UNIT READY', cdb: new Uint8Array(6), timeoutMs }, options)
}

/** How `awaitReady` waits. */
export interface ReadyOptions {
  readonly signal: AbortSignal
  /** @defaultValue 10 minutes: threading a tape and reading its memory takes one or two */
  readonly patienceMs?: number
  /** @defaultValue 500 */
  readonly pollMs?: number
}

const passing: readonly ScsiErrorCode[] = ['unit-attention', 'becoming-ready', 'busy', 'cleaning']

/**
 * Asks until a unit is ready, and takes its unit attentions on the way.
 *
 * Guarantee: returns what the unit attentions said, in their order: a reset or another medium means that the position is lost.
 *
 * @throws ScsiError at once for another reason than these, such as `no-medium`; the last one when patience ends
 */
export async function awaitReady(device: ScsiDevice, options: ReadyOptions): Promise<readonly Sense[]> {
  const { signal, patienceMs = 600_000, pollMs = 500 } = options
  const end = performance.now() + patienceMs
  const attentions: Sense[] = []
  for (;;) {
    try {
      await testUnitReady(device, { signal })
      return attentions
    } catch (error) {
      if (!isScsiError(error) || !passing.includes(error.code)) throw error
      // A unit that only ever has attentions would be asked for ever.
      if (performance.now() >= end) throw error
      if (error.code === 'unit-attention') {
        if (error.sense !== undefined) attentions.push(error.sense)
        if (attentions.length < 10) continue
      }
      await sleep(pollMs, undefined, { signal })
    }
  }
}

/** Asks for sense data that no command waits for; undefined when there is none. SPC-4, 6.39. */
export async function requestSense(device: ScsiDevice, options: CommandOptions): Promise<Sense | undefined> {
  const dataIn = new Uint8Array(252)
  const cdb = Uint8Array.of(0x03, 0, 0, 0, dataIn.length, 0)
  const { data } = await issue(
    device,
    { what: 'REQUEST SENSE', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry },
    options,
  )
  return decodeSense(data)
}

/** Asks which units a target has. SPC-4, 6.33. */
export async function reportLuns(device: ScsiDevice, options: CommandOptions): Promise<readonly number[]> {
  const dataIn = new Uint8Array(8 + 8 * 256)
  const cdb = fieldsOf(12, (view) => {
    view.setUint8(0, 0xa0)
    view.setUint32(6, dataIn.length)
  })
  const { data } = await issue(
    device,
    { what: 'REPORT LUNS', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry },
    options,
  )
  return decodeLuns(data)
}

/** Reads the list of units; those of deeper levels of addressing are left out. SAM-5, 4.7. @throws ScsiError `malformed` */
export function decodeLuns(bytes: Uint8Array): readonly number[] {
  if (bytes.length < 8) throw malformed('REPORT LUNS', 'the list is shorter than its header')
  const end = Math.min(bytes.length, 8 + numberAt(bytes, 0, 4))
  const luns: number[] = []
  for (let at = 8; at + 8 <= end; at += 8) {
    const isSingleLevel = numberAt(bytes, at + 2, 6) === 0
    const method = byteAt(bytes, at) >> 6
    if (isSingleLevel && method <= 1) luns.push(numberAt(bytes, at, 2) & 0x3fff)
  }
  return luns
}

/** Keeps a medium in the unit, or lets it go. SPC-4, 6.18; SMC-3, 6.9. */
export async function preventRemoval(device: ScsiDevice, isPrevented: boolean, options: CommandOptions): Promise<void> {
  const cdb = Uint8Array.of(0x1e, 0, 0, 0, isPrevented ? 1 : 0, 0)
  await issue(device, { what: 'PREVENT ALLOW MEDIUM REMOVAL', cdb, timeoutMs: commandTimeoutsMs.inquiry }, options)
}

/** A command that a unit has. */
export interface SupportedOperation {
  readonly opcode: number
  /** Of a command that has them. */
  readonly serviceAction: number | undefined
  readonly cdbBytes: number
}

/** Asks which commands a unit has. SPC-4, 6.35. @throws ScsiError `unsupported` by older units */
export async function reportSupportedOperations(
  device: ScsiDevice,
  options: CommandOptions,
): Promise<readonly SupportedOperation[]> {
  const dataIn = new Uint8Array(8192)
  const cdb = fieldsOf(12, (view) => {
    view.setUint8(0, 0xa3)
    view.setUint8(1, 0x0c)
    view.setUint32(6, dataIn.length)
  })
  const what = 'REPORT SUPPORTED OPERATION CODES'
  const { data } = await issue(device, { what, cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }, options)
  return decodeSupportedOperations(data)
}

/** Reads the list of commands; a descriptor that is cut off is left out. @throws ScsiError `malformed` */
export function decodeSupportedOperations(bytes: Uint8Array): readonly SupportedOperation[] {
  if (bytes.length < 4) throw malformed('REPORT SUPPORTED OPERATION CODES', 'the list is shorter than its header')
  const end = Math.min(bytes.length, 4 + numberAt(bytes, 0, 4))
  const operations: SupportedOperation[] = []
  for (let at = 4; at + 8 <= end; ) {
    operations.push({
      opcode: byteAt(bytes, at),
      serviceAction: hasBits(bytes, at + 5, 0x01) ? numberAt(bytes, at + 2, 2) : undefined,
      cdbBytes: numberAt(bytes, at + 6, 2),
    })
    at += hasBits(bytes, at + 5, 0x02) ? 20 : 8
  }
  return operations
}
