import { byteAt, fieldsOf, numberAt, viewOf } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

const timeoutMs = commandTimeoutsMs.inquiry

/** Reserves a unit for this initiator until it lets go, or is reset; older units have this only. SPC-2, 7.21. */
export async function reserveUnit(device: ScsiDevice, options: CommandOptions): Promise<void> {
  await issue(device, { what: 'RESERVE(6)', cdb: Uint8Array.of(0x16, 0, 0, 0, 0, 0), timeoutMs }, options)
}

/** Ends what `reserveUnit` began; nothing happens when there is no reservation. SPC-2, 7.17. */
export async function releaseUnit(device: ScsiDevice, options: CommandOptions): Promise<void> {
  await issue(device, { what: 'RELEASE(6)', cdb: Uint8Array.of(0x17, 0, 0, 0, 0, 0), timeoutMs }, options)
}

/** Kinds of persistent reservations. SPC-4, 6.15.3.4. */
export const reservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrants: 5,
  exclusiveAccessRegistrants: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const

/** The keys of those that registered. `generation` changes with every change. SPC-4, 6.15.2. */
export interface RegisteredKeys {
  readonly generation: number
  readonly keys: readonly bigint[]
}

/** Asks who registered. @throws ScsiError `unsupported` */
export async function readReservationKeys(device: ScsiDevice, options: CommandOptions): Promise<RegisteredKeys> {
  return decodeReservationKeys(await reserveIn(device, 0x00, options))
}

/** Reads the list of keys; one that is cut off is left out. @throws ScsiError `malformed` */
export function decodeReservationKeys(bytes: Uint8Array): RegisteredKeys {
  if (bytes.length < 8) throw malformed('PERSISTENT RESERVE IN', 'the list is shorter than its header')
  const end = Math.min(bytes.length, 8 + numberAt(bytes, 4, 4))
  const keys: bigint[] = []
  for (let at = 8; at + 8 <= end; at += 8) keys.push(viewOf(bytes).getBigUint64(at))
  return { generation: numberAt(bytes, 0, 4), keys }
}

/** A reservation that is held. SPC-4, 6.15.3. */
export interface HeldReservation {
  /** Zero when all registrants hold it. */
  readonly key: bigint
  /** One of `reservationType`. */
  readonly type: number
}

/** Asks who holds the reservation; undefined when nobody does. @throws ScsiError `unsupported` */
export async function readReservation(
  device: ScsiDevice,
  options: CommandOptions,
): Promise<HeldReservation | undefined> {
  return decodeReservation(await reserveIn(device, 0x01, options))
}

/** Reads who holds the reservation. @throws ScsiError `malformed` */
export function decodeReservation(bytes: Uint8Array): HeldReservation | undefined {
  if (bytes.length < 8) throw malformed('PERSISTENT RESERVE IN', 'the answer is shorter than its header')
  if (numberAt(bytes, 4, 4) === 0) return
  if (bytes.length < 24) throw malformed('PERSISTENT RESERVE IN', 'the reservation is cut off')
  return { key: viewOf(bytes).getBigUint64(8), type: byteAt(bytes, 21) & 0xf }
}

async function reserveIn(device: ScsiDevice, action: number, options: CommandOptions): Promise<Uint8Array> {
  const dataIn = new Uint8Array(8 + 8 * 256)
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x5e)
    view.setUint8(1, action)
    view.setUint16(7, dataIn.length)
  })
  return (await issue(device, { what: 'PERSISTENT RESERVE IN', cdb, dataIn, timeoutMs }, options)).data
}

const actions = { register: 0, reserve: 1, release: 2, clear: 3, preempt: 4, replace: 6 } as const

/** What PERSISTENT RESERVE OUT is to do. SPC-4, 6.16. */
export interface ReservationChange {
  /** `replace` registers whatever key was there; `preempt` takes the reservation from `otherKey`. */
  readonly action: keyof typeof actions
  /** The key of this initiator; zero when it has none yet. */
  readonly key: bigint
  /** Of `register` and `replace`: the new key, zero to unregister. Of `preempt`: the key of the one that loses. */
  readonly otherKey?: bigint
  /** One of `reservationType`. @defaultValue exclusive access */
  readonly type?: number
}

/** Changes registrations and reservations. @throws ScsiError `unsupported`, `reservation-conflict` */
export async function changeReservation(
  device: ScsiDevice,
  change: ReservationChange,
  options: CommandOptions,
): Promise<void> {
  const { action, key, otherKey = 0n, type = reservationType.exclusiveAccess } = change
  const dataOut = fieldsOf(24, (view) => {
    view.setBigUint64(0, key)
    view.setBigUint64(8, otherKey)
  })
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x5f)
    view.setUint8(1, actions[action])
    view.setUint8(2, action === 'register' || action === 'replace' || action === 'clear' ? 0 : type)
    view.setUint32(5, dataOut.length)
  })
  await issue(device, { what: 'PERSISTENT RESERVE OUT', cdb, dataOut, timeoutMs }, options)
}

/** Registers a key and reserves the unit for this initiator alone, which survives a lost session. SPC-4, 5.9. */
export async function reserveExclusively(device: ScsiDevice, key: bigint, options: CommandOptions): Promise<void> {
  await changeReservation(device, { action: 'replace', key: 0n, otherKey: key }, options)
  await changeReservation(device, { action: 'reserve', key }, options)
}

/** Ends what `reserveExclusively` began: unregistering lets go of the reservation too. */
export async function releaseExclusively(device: ScsiDevice, key: bigint, options: CommandOptions): Promise<void> {
  await changeReservation(device, { action: 'register', key, otherKey: 0n }, options)
}
