import { broken } from '../iscsi-error.js'
import { initiatorOpcode } from './constants.js'
import { makePdu, type Pdu, viewOf } from './header.js'

/** Numbers that every request tells. RFC 7143, 4.2.2. */
export interface RequestNumbers {
  readonly cmdSn: number
  readonly expStatSn: number
}

/** RFC 7143, 11.3. */
export interface ScsiCommandPdu extends RequestNumbers {
  readonly kind: 'scsi-command'
  readonly lun: Uint8Array
  readonly tag: number
  /** No unsolicited Data-Out follows. */
  readonly isFinal: boolean
  readonly isRead: boolean
  readonly isWrite: boolean
  readonly expectedBytes: number
  readonly cdb: Uint8Array
}

/** RFC 7143, 11.7. */
export interface DataOutPdu {
  readonly kind: 'data-out'
  readonly lun: Uint8Array
  readonly tag: number
  /** Of the R2T that asked for it, `noTag` where none did. */
  readonly transferTag: number
  readonly isFinal: boolean
  readonly expStatSn: number
  readonly dataSn: number
  readonly bufferOffset: number
}

/** RFC 7143, 11.18. */
export interface NopOutPdu extends RequestNumbers {
  readonly kind: 'nop-out'
  readonly lun: Uint8Array
  /** `noTag` of an answer to the target's ping. */
  readonly tag: number
  readonly transferTag: number
}

/** RFC 7143, 11.5. */
export interface TaskManagementPdu extends RequestNumbers {
  readonly kind: 'task-management'
  readonly function: number
  readonly lun: Uint8Array
  readonly tag: number
  readonly referencedTag: number
  readonly referencedCmdSn: number
}

/** RFC 7143, 11.12. */
export interface LoginPdu extends RequestNumbers {
  readonly kind: 'login'
  /** Asks for the transit to the next stage. */
  readonly isTransit: boolean
  /** The text goes on in the next PDU. */
  readonly continues: boolean
  readonly stage: number
  readonly nextStage: number
  readonly isid: Uint8Array
  readonly tsih: number
  readonly tag: number
}

/** RFC 7143, 11.10. */
export interface TextPdu extends RequestNumbers {
  readonly kind: 'text'
  readonly isFinal: boolean
  readonly continues: boolean
  readonly tag: number
  readonly transferTag: number
}

/** RFC 7143, 11.14. */
export interface LogoutPdu extends RequestNumbers {
  readonly kind: 'logout'
  /** 0 closes the session. */
  readonly reason: number
  readonly tag: number
}

/** What an initiator sends. */
export type InitiatorPdu = ScsiCommandPdu | DataOutPdu | NopOutPdu | TaskManagementPdu | LoginPdu | TextPdu | LogoutPdu

const immediate = 0x40
const final = 0x80

/** Encodes what an initiator sends; all but commands and data are marked for immediate delivery. */
export function encodeInitiatorPdu(pdu: InitiatorPdu, data?: Uint8Array): Pdu {
  switch (pdu.kind) {
    case 'scsi-command': {
      // Commands that are under way together are carried out as they came: a tape's blocks have an order.
      const ordered = 2
      const flags = (pdu.isFinal ? final : 0) | (pdu.isRead ? 0x40 : 0) | (pdu.isWrite ? 0x20 : 0) | ordered
      const fill = (view: DataView, header: Uint8Array) => {
        header.set(pdu.lun, 8)
        putRequest(view, pdu)
        view.setUint32(20, pdu.expectedBytes)
        header.set(pdu.cdb, 32)
      }
      return makePdu(initiatorOpcode.scsiCommand, flags, fill, data)
    }
    case 'data-out':
      return makePdu(
        initiatorOpcode.dataOut,
        pdu.isFinal ? final : 0,
        (view, header) => {
          header.set(pdu.lun, 8)
          view.setUint32(16, pdu.tag)
          view.setUint32(20, pdu.transferTag)
          view.setUint32(28, pdu.expStatSn)
          view.setUint32(36, pdu.dataSn)
          view.setUint32(40, pdu.bufferOffset)
        },
        data,
      )
    case 'nop-out':
      return makePdu(
        initiatorOpcode.nopOut | immediate,
        final,
        (view, header) => {
          header.set(pdu.lun, 8)
          putRequest(view, pdu)
          view.setUint32(20, pdu.transferTag)
        },
        data,
      )
    case 'task-management':
      return makePdu(initiatorOpcode.taskManagement | immediate, final | pdu.function, (view, header) => {
        header.set(pdu.lun, 8)
        putRequest(view, pdu)
        view.setUint32(20, pdu.referencedTag)
        view.setUint32(32, pdu.referencedCmdSn)
      })
    case 'login': {
      const flags = (pdu.isTransit ? final : 0) | (pdu.continues ? 0x40 : 0) | (pdu.stage << 2) | pdu.nextStage
      const fill = (view: DataView, header: Uint8Array) => {
        header.set(pdu.isid, 8)
        view.setUint16(14, pdu.tsih)
        putRequest(view, pdu)
      }
      return makePdu(initiatorOpcode.login | immediate, flags, fill, data)
    }
    case 'text': {
      const flags = (pdu.isFinal ? final : 0) | (pdu.continues ? 0x40 : 0)
      const fill = (view: DataView) => {
        putRequest(view, pdu)
        view.setUint32(20, pdu.transferTag)
      }
      return makePdu(initiatorOpcode.text | immediate, flags, fill, data)
    }
    case 'logout':
      return makePdu(initiatorOpcode.logout | immediate, final | pdu.reason, (view) => putRequest(view, pdu))
  }
}

/** Decodes what an initiator sends. @throws IscsiError `protocol` for an unknown opcode */
export function decodeInitiatorPdu(header: Uint8Array): InitiatorPdu {
  const view = viewOf(header)
  const [opcode = 0, flags = 0] = header
  const lun = header.slice(8, 16)
  const tag = view.getUint32(16)
  const transferTag = view.getUint32(20)
  const numbers = { cmdSn: view.getUint32(24), expStatSn: view.getUint32(28) }
  const isFinal = (flags & final) !== 0
  const continues = (flags & 0x40) !== 0
  switch (opcode & 0x3f) {
    case initiatorOpcode.scsiCommand: {
      const isRead = (flags & 0x40) !== 0
      const isWrite = (flags & 0x20) !== 0
      const cdb = header.slice(32, 48)
      return { kind: 'scsi-command', lun, tag, isFinal, isRead, isWrite, expectedBytes: transferTag, cdb, ...numbers }
    }
    case initiatorOpcode.dataOut: {
      const { expStatSn } = numbers
      const [dataSn, bufferOffset] = [view.getUint32(36), view.getUint32(40)]
      return { kind: 'data-out', lun, tag, transferTag, isFinal, expStatSn, dataSn, bufferOffset }
    }
    case initiatorOpcode.nopOut:
      return { kind: 'nop-out', lun, tag, transferTag, ...numbers }
    case initiatorOpcode.taskManagement: {
      const referencedCmdSn = view.getUint32(32)
      const about = { function: flags & 0x7f, referencedTag: transferTag, referencedCmdSn }
      return { kind: 'task-management', lun, tag, ...about, ...numbers }
    }
    case initiatorOpcode.login: {
      const stages = { isTransit: isFinal, continues, stage: (flags >> 2) & 3, nextStage: flags & 3 }
      return { kind: 'login', ...stages, isid: header.slice(8, 14), tsih: view.getUint16(14), tag, ...numbers }
    }
    case initiatorOpcode.text:
      return { kind: 'text', isFinal, continues, tag, transferTag, ...numbers }
    case initiatorOpcode.logout:
      return { kind: 'logout', reason: flags & 0x7f, tag, ...numbers }
    default:
      throw broken(`An initiator sends opcode 0x${(opcode & 0x3f).toString(16)}, which is not one of its own.`)
  }
}

/** The header's fields that all requests share. */
function putRequest(view: DataView, { tag, cmdSn, expStatSn }: RequestNumbers & { readonly tag: number }): void {
  view.setUint32(16, tag)
  view.setUint32(24, cmdSn)
  view.setUint32(28, expStatSn)
}

/** The LUN field of requests that are about no unit. */
export const noLun = new Uint8Array(8)
