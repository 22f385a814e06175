import type { ScsiAnswer, ScsiCommand } from '@holdfast/protocol-iscsi/scsi'
import { scsiStatus } from '@holdfast/protocol-iscsi/scsi'

/** Offsets within `struct sg_io_hdr`, version 3, where a pointer has 8 bytes. Linux, include/scsi/sg.h. */
export const sgHeader = {
  bytes: 88,
  interfaceId: 0,
  direction: 4,
  commandBytes: 8,
  senseRoom: 9,
  dataBytes: 12,
  data: 16,
  command: 24,
  sense: 32,
  timeoutMs: 40,
  status: 64,
  senseBytes: 67,
  hostStatus: 68,
  driverStatus: 70,
  residual: 72,
} as const

/** `SG_DXFER_NONE`, `SG_DXFER_TO_DEV`, `SG_DXFER_FROM_DEV`. */
export const sgDirection = { none: -1, out: -2, in: -3 } as const

// What the kernel keeps of sense data: SCSI_SENSE_BUFFERSIZE.
const senseRoom = 96
const mostCommandBytes = 16
const [commandAt, senseAt] = [sgHeader.bytes, sgHeader.bytes + mostCommandBytes]

/** One header with the memory of its command and of its sense data behind it, in one piece, so that nothing of it moves. */
export interface SgRequest {
  readonly header: Uint8Array
  /** Fills it for a command whose data is at an address. */
  readonly fill: (command: ScsiCommand, data: bigint, timeoutMs: number) => void
  /** What the kernel put into it; a text instead when the command was not answered. */
  readonly answer: () => ScsiAnswer | string
}

/** Makes a header at a place in memory that is known. */
export function sgRequest(addressOf: (memory: ArrayBuffer) => bigint): SgRequest {
  const memory = new ArrayBuffer(senseAt + senseRoom)
  const address = addressOf(memory)
  const view = new DataView(memory)
  return {
    header: new Uint8Array(memory, 0, sgHeader.bytes),
    fill: ({ cdb, dataOut, dataIn }, data, timeoutMs) => {
      const bytes = dataOut?.length ?? dataIn?.length ?? 0
      new Uint8Array(memory).fill(0)
      new Uint8Array(memory, commandAt, mostCommandBytes).set(cdb)
      view.setInt32(sgHeader.interfaceId, 'S'.charCodeAt(0), true)
      const direction = dataOut === undefined ? sgDirection.in : sgDirection.out
      view.setInt32(sgHeader.direction, bytes === 0 ? sgDirection.none : direction, true)
      view.setUint8(sgHeader.commandBytes, cdb.length)
      view.setUint8(sgHeader.senseRoom, senseRoom)
      view.setUint32(sgHeader.dataBytes, bytes, true)
      view.setBigUint64(sgHeader.data, data, true)
      view.setBigUint64(sgHeader.command, address + BigInt(commandAt), true)
      view.setBigUint64(sgHeader.sense, address + BigInt(senseAt), true)
      view.setUint32(sgHeader.timeoutMs, Math.min(timeoutMs, 2 ** 31 - 1), true)
    },
    answer: () => {
      const status = view.getUint8(sgHeader.status)
      const senseBytes = Math.min(view.getUint8(sgHeader.senseBytes), senseRoom)
      const host = view.getUint16(sgHeader.hostStatus, true)
      const driver = view.getUint16(sgHeader.driverStatus, true) & 0x0f
      // Adapters complain of what a unit says too: its own words count.
      const isAnswered = status !== scsiStatus.good || (host === 0 && (driver === 0 || driver === driverSense))
      if (!isAnswered) return hostStatus[host] ?? `its adapter failed, host status ${host}, driver status ${driver}`
      const bytes = view.getUint32(sgHeader.dataBytes, true)
      const moved = bytes - view.getInt32(sgHeader.residual, true)
      const isIn = view.getInt32(sgHeader.direction, true) === sgDirection.in
      return {
        status,
        sense: new Uint8Array(memory, senseAt, senseBytes).slice(),
        dataInBytes: isIn ? Math.max(0, Math.min(moved, bytes)) : 0,
      }
    },
  }
}

/** `DRIVER_SENSE`: there is sense data, and nothing else is meant. */
const driverSense = 8

/** `DID_*` of include/scsi/scsi_status.h. */
const hostStatus: Readonly<Record<number, string>> = {
  1: 'it cannot be reached any more',
  2: 'its bus stays busy',
  3: 'it did not answer in time, and the command was aborted',
  4: 'its adapter does not know it',
  5: 'the command was aborted',
  6: 'the data was altered on the way',
  8: 'its bus was reset',
  14: 'the connection to it broke',
  15: 'the connection to it is broken',
}
