import { broken } from '../iscsi-error.js'
import { noTag, targetOpcode } from './constants.js'
import { makePdu, type Pdu, viewOf } from './header.js'

/** Numbers that every answer tells. RFC 7143, 4.2.2. */
export interface AnswerNumbers {
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

/** How much of what was expected did not move, or would have moved beyond it. RFC 7143, 11.4.5. */
export interface Residual {
  readonly kind: 'none' | 'underflow' | 'overflow'
  readonly bytes: number
}

/** RFC 7143, 11.19. */
export interface NopInPdu extends AnswerNumbers {
  readonly kind: 'nop-in'
  readonly lun: Uint8Array
  /** `noTag` of the target's own ping. */
  readonly tag: number
  readonly transferTag: number
}

/** RFC 7143, 11.4. */
export interface ScsiResponsePdu extends AnswerNumbers {
  readonly kind: 'scsi-response'
  readonly tag: number
  /** 0 completed at the target, 1 target failure. */
  readonly response: number
  readonly status: number
  readonly residual: Residual
  readonly expDataSn: number
}

/** RFC 7143, 11.6. */
export interface TaskResponsePdu extends AnswerNumbers {
  readonly kind: 'task-response'
  readonly tag: number
  readonly response: number
}

/** RFC 7143, 11.13. */
export interface LoginResponsePdu extends AnswerNumbers {
  readonly kind: 'login-response'
  readonly isTransit: boolean
  readonly continues: boolean
  readonly stage: number
  readonly nextStage: number
  readonly isid: Uint8Array
  readonly tsih: number
  readonly tag: number
  /** Status class and detail. */
  readonly status: number
}

/** RFC 7143, 11.11. */
export interface TextResponsePdu extends AnswerNumbers {
  readonly kind: 'text-response'
  readonly isFinal: boolean
  readonly continues: boolean
  readonly tag: number
  readonly transferTag: number
}

/** RFC 7143, 11.7. */
export interface DataInPdu extends AnswerNumbers {
  readonly kind: 'data-in'
  readonly tag: number
  readonly isFinal: boolean
  /** This PDU is the answer to the command, too. */
  readonly hasStatus: boolean
  readonly status: number
  readonly dataSn: number
  readonly bufferOffset: number
  readonly residual: Residual
}

/** RFC 7143, 11.15. */
export interface LogoutResponsePdu extends AnswerNumbers {
  readonly kind: 'logout-response'
  readonly tag: number
  readonly response: number
}

/** RFC 7143, 11.8. */
export interface ReadyToTransferPdu extends AnswerNumbers {
  readonly kind: 'ready-to-transfer'
  readonly lun: Uint8Array
  readonly tag: number
  readonly transferTag: number
  readonly r2tSn: number
  readonly bufferOffset: number
  readonly desiredBytes: number
}

/** RFC 7143, 11.9. */
export interface AsyncPdu extends AnswerNumbers {
  readonly kind: 'async'
  readonly lun: Uint8Array
  readonly event: number
  /** Seconds that are left, where the event has such. */
  readonly parameter3: number
}

/** RFC 7143, 11.17; its data is the header that was rejected. */
export interface RejectPdu extends AnswerNumbers {
  readonly kind: 'reject'
  readonly reason: number
}

/** What a target sends. */
export type TargetPdu =
  | NopInPdu
  | ScsiResponsePdu
  | TaskResponsePdu
  | LoginResponsePdu
  | TextResponsePdu
  | DataInPdu
  | LogoutResponsePdu
  | ReadyToTransferPdu
  | AsyncPdu
  | RejectPdu

const final = 0x80

/** Encodes what a target sends. */
export function encodeTargetPdu(pdu: TargetPdu, data?: Uint8Array): Pdu {
  const { opcode, flags } = startOf(pdu)
  const fill = (view: DataView, header: Uint8Array) => {
    view.setUint32(16, 'tag' in pdu ? pdu.tag : noTag)
    if ('transferTag' in pdu) view.setUint32(20, pdu.transferTag)
    if ('lun' in pdu) header.set(pdu.lun, 8)
    view.setUint32(24, pdu.statSn)
    view.setUint32(28, pdu.expCmdSn)
    view.setUint32(32, pdu.maxCmdSn)
    putRest(pdu, view, header)
  }
  return makePdu(opcode, flags, fill, data)
}

function startOf(pdu: TargetPdu): { readonly opcode: number; readonly flags: number } {
  switch (pdu.kind) {
    case 'nop-in':
      return { opcode: targetOpcode.nopIn, flags: final }
    case 'scsi-response':
      return { opcode: targetOpcode.scsiResponse, flags: final | residualFlags(pdu.residual) }
    case 'task-response':
      return { opcode: targetOpcode.taskManagementResponse, flags: final }
    case 'login-response': {
      const flags = (pdu.isTransit ? final : 0) | (pdu.continues ? 0x40 : 0) | (pdu.stage << 2) | pdu.nextStage
      return { opcode: targetOpcode.loginResponse, flags }
    }
    case 'text-response':
      return { opcode: targetOpcode.textResponse, flags: (pdu.isFinal ? final : 0) | (pdu.continues ? 0x40 : 0) }
    case 'data-in': {
      const flags = (pdu.isFinal ? final : 0) | (pdu.hasStatus ? 1 : 0) | residualFlags(pdu.residual)
      return { opcode: targetOpcode.dataIn, flags }
    }
    case 'logout-response':
      return { opcode: targetOpcode.logoutResponse, flags: final }
    case 'ready-to-transfer':
      return { opcode: targetOpcode.readyToTransfer, flags: final }
    case 'async':
      return { opcode: targetOpcode.asyncMessage, flags: final }
    case 'reject':
      return { opcode: targetOpcode.reject, flags: final }
  }
}

function putRest(pdu: TargetPdu, view: DataView, header: Uint8Array): void {
  switch (pdu.kind) {
    case 'scsi-response':
      view.setUint8(2, pdu.response)
      view.setUint8(3, pdu.status)
      view.setUint32(36, pdu.expDataSn)
      view.setUint32(44, pdu.residual.bytes)
      return
    case 'task-response':
    case 'logout-response':
      view.setUint8(2, pdu.response)
      return
    case 'login-response':
      header.set(pdu.isid, 8)
      view.setUint16(14, pdu.tsih)
      view.setUint16(36, pdu.status)
      return
    case 'data-in':
      view.setUint8(3, pdu.status)
      view.setUint32(20, noTag)
      view.setUint32(36, pdu.dataSn)
      view.setUint32(40, pdu.bufferOffset)
      view.setUint32(44, pdu.residual.bytes)
      return
    case 'ready-to-transfer':
      view.setUint32(36, pdu.r2tSn)
      view.setUint32(40, pdu.bufferOffset)
      view.setUint32(44, pdu.desiredBytes)
      return
    case 'async':
      view.setUint8(36, pdu.event)
      view.setUint16(42, pdu.parameter3)
      return
    case 'reject':
      view.setUint8(2, pdu.reason)
      return
    case 'nop-in':
    case 'text-response':
      return
  }
}

/** Decodes what a target sends. @throws IscsiError `protocol` for an unknown opcode */
export function decodeTargetPdu(header: Uint8Array): TargetPdu {
  const view = viewOf(header)
  const [opcode = 0, flags = 0] = header
  const tag = view.getUint32(16)
  const transferTag = view.getUint32(20)
  const numbers = { statSn: view.getUint32(24), expCmdSn: view.getUint32(28), maxCmdSn: view.getUint32(32) }
  const isFinal = (flags & final) !== 0
  const continues = (flags & 0x40) !== 0
  const response = view.getUint8(2)
  switch (opcode & 0x3f) {
    case targetOpcode.nopIn:
      return { kind: 'nop-in', lun: header.slice(8, 16), tag, transferTag, ...numbers }
    case targetOpcode.scsiResponse: {
      const expDataSn = view.getUint32(36)
      const outcome = { response, status: view.getUint8(3), residual: residualOf(flags, view.getUint32(44)), expDataSn }
      return { kind: 'scsi-response', tag, ...outcome, ...numbers }
    }
    case targetOpcode.taskManagementResponse:
      return { kind: 'task-response', tag, response, ...numbers }
    case targetOpcode.loginResponse: {
      const stages = { isTransit: isFinal, continues, stage: (flags >> 2) & 3, nextStage: flags & 3 }
      const session = { isid: header.slice(8, 14), tsih: view.getUint16(14), tag, status: view.getUint16(36) }
      return { kind: 'login-response', ...stages, ...session, ...numbers }
    }
    case targetOpcode.textResponse:
      return { kind: 'text-response', isFinal, continues, tag, transferTag, ...numbers }
    case targetOpcode.dataIn: {
      const outcome = { hasStatus: (flags & 1) !== 0, status: view.getUint8(3) }
      const place = { dataSn: view.getUint32(36), bufferOffset: view.getUint32(40) }
      const residual = residualOf(flags, view.getUint32(44))
      return { kind: 'data-in', tag, isFinal, ...outcome, ...place, residual, ...numbers }
    }
    case targetOpcode.logoutResponse:
      return { kind: 'logout-response', tag, response, ...numbers }
    case targetOpcode.readyToTransfer: {
      const wanted = { r2tSn: view.getUint32(36), bufferOffset: view.getUint32(40), desiredBytes: view.getUint32(44) }
      return { kind: 'ready-to-transfer', lun: header.slice(8, 16), tag, transferTag, ...wanted, ...numbers }
    }
    case targetOpcode.asyncMessage: {
      const [event, parameter3] = [view.getUint8(36), view.getUint16(42)]
      return { kind: 'async', lun: header.slice(8, 16), event, parameter3, ...numbers }
    }
    case targetOpcode.reject:
      return { kind: 'reject', reason: response, ...numbers }
    default:
      throw broken(`The target sends opcode 0x${(opcode & 0x3f).toString(16)}, which is not one of its own.`)
  }
}

function residualFlags({ kind }: Residual): number {
  return kind === 'overflow' ? 4 : kind === 'underflow' ? 2 : 0
}

function residualOf(flags: number, bytes: number): Residual {
  if ((flags & 4) !== 0) return { kind: 'overflow', bytes }
  return (flags & 2) === 0 ? { kind: 'none', bytes: 0 } : { kind: 'underflow', bytes }
}
