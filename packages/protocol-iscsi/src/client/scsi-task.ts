import { broken, IscsiError } from '../iscsi-error.js'
import type { ScsiCommand } from '../scsi/scsi-device.js'
import { noTag, scsiStatus } from '../wire/constants.js'
import { type Pdu, viewOf } from '../wire/header.js'
import { encodeInitiatorPdu, type RequestNumbers } from '../wire/initiator-pdus.js'
import type { IscsiParameters } from '../wire/parameters.js'
import type { DataInPdu, ReadyToTransferPdu, Residual, ScsiResponsePdu } from '../wire/target-pdus.js'
import type { IscsiAnswer } from './iscsi-session.js'

/** A part of the data that goes out, from one permission to the next. */
export interface DataSequence {
  /** Returns the next PDU, undefined when there is none left. */
  readonly next: (expStatSn: number) => Pdu | undefined
}

/** One command on the wire: what moved, and what may move next. No timers, no sockets. */
export interface ScsiTask {
  readonly lun: Uint8Array
  readonly tag: number
  /** Number of the command, once it was sent. */
  readonly cmdSn: () => number
  /** Makes the PDU of the command, and the data that follows it unasked. */
  readonly begin: (numbers: RequestNumbers) => { readonly command: Pdu; readonly data: DataSequence | undefined }
  /** Returns where data that comes is to be put. @throws IscsiError `protocol` */
  readonly place: (pdu: DataInPdu, dataBytes: number) => Uint8Array
  /** Takes note of data that came; returns the answer, if it is in the same PDU. @throws IscsiError `protocol` */
  readonly dataCame: (pdu: DataInPdu, dataBytes: number) => IscsiAnswer | undefined
  /** Makes the data that the target asks for. @throws IscsiError `protocol` */
  readonly dataWanted: (pdu: ReadyToTransferPdu) => DataSequence
  /** Reads the answer. @throws IscsiError `protocol`, `rejected` */
  readonly answered: (pdu: ScsiResponsePdu, data: Uint8Array) => IscsiAnswer
}

const nothing = new Uint8Array(0)

/** Makes the task of a command. */
export function createScsiTask(
  lun: Uint8Array,
  tag: number,
  { cdb, dataIn = nothing, dataOut = nothing }: ScsiCommand,
  parameters: IscsiParameters,
): ScsiTask {
  const isRead = dataIn.length > 0
  const isWrite = dataOut.length > 0
  const expectedBytes = isWrite ? dataOut.length : dataIn.length
  let cmdSn = 0
  let receivedBytes = 0
  /** Next number of Data-In, or of R2T. */
  let nextSn = 0
  /** Data up to here was sent, or permitted to be. */
  let permittedBytes = 0
  let openSequences = 0

  /** Cuts data into PDUs of a size that the target takes. */
  function sequence(start: number, end: number, transferTag: number, onEnd: () => void): DataSequence {
    let at = start
    let dataSn = 0
    return {
      next: (expStatSn) => {
        if (at >= end) return undefined
        const to = Math.min(end, at + parameters.sendSegmentBytes)
        const data = dataOut.subarray(at, to)
        const place = { isFinal: to === end, dataSn: dataSn++, bufferOffset: at }
        at = to
        if (at === end) onEnd()
        return encodeInitiatorPdu({ kind: 'data-out', lun, tag, transferTag, expStatSn, ...place }, data)
      },
    }
  }

  function finish(status: number, sense: Uint8Array, residual: Residual): IscsiAnswer {
    if (status === scsiStatus.good) {
      const missing = residual.kind === 'underflow' ? residual.bytes : 0
      const moved = isWrite ? permittedBytes : receivedBytes
      if (moved < expectedBytes - missing)
        throw broken(`The target says that all is well, but ${moved} bytes moved only.`)
      if (openSequences > 0) throw broken('The target says that all is well, and has not waited for the data.')
    }
    return { status, sense, dataInBytes: receivedBytes, residual }
  }

  return {
    lun,
    tag,
    cmdSn: () => cmdSn,
    begin: (numbers) => {
      cmdSn = numbers.cmdSn
      const { immediateData, initialR2T, firstBurstBytes, sendSegmentBytes } = parameters
      const burstBytes = Math.min(firstBurstBytes, dataOut.length)
      const immediateBytes = immediateData ? Math.min(burstBytes, sendSegmentBytes) : 0
      permittedBytes = initialR2T ? immediateBytes : burstBytes
      const isFinal = permittedBytes === immediateBytes
      const wholeCdb = new Uint8Array(16)
      wholeCdb.set(cdb)
      const about = { lun, tag, isFinal, isRead, isWrite, expectedBytes, cdb: wholeCdb, ...numbers }
      const command = encodeInitiatorPdu({ kind: 'scsi-command', ...about }, dataOut.subarray(0, immediateBytes))
      return { command, data: isFinal ? undefined : sequence(immediateBytes, permittedBytes, noTag, () => {}) }
    },
    place: ({ bufferOffset, dataSn }, dataBytes) => {
      if (!isRead && dataBytes > 0) throw broken('The target sends data for a command that wants none.')
      if (dataSn !== nextSn) throw broken('Data of a command is missing, or came twice.')
      if (bufferOffset !== receivedBytes) throw broken('Data of a command is not in order.')
      if (dataBytes > dataIn.length - bufferOffset) throw broken('The target sends more data than was asked for.')
      return dataIn.subarray(bufferOffset, bufferOffset + dataBytes)
    },
    dataCame: ({ hasStatus, isFinal, status, residual }, dataBytes) => {
      nextSn++
      receivedBytes += dataBytes
      if (!hasStatus) return undefined
      if (!isFinal) throw broken('A status came with data that is not the last.')
      return finish(status, nothing, residual)
    },
    dataWanted: ({ transferTag, r2tSn, bufferOffset, desiredBytes }) => {
      if (!isWrite) throw broken('The target asks for data of a command that has none.')
      if (transferTag === noTag) throw broken('The target asks for data without a tag.')
      if (r2tSn !== nextSn) throw broken('The target asks for data twice, or has lost count.')
      if (bufferOffset !== permittedBytes) throw broken('The target asks for data out of order.')
      const isTooMuch =
        desiredBytes === 0 || desiredBytes > Math.min(parameters.maxBurstBytes, dataOut.length - bufferOffset)
      if (isTooMuch) throw broken(`The target asks for ${desiredBytes} bytes at ${bufferOffset}, which it may not.`)
      if (openSequences >= parameters.maxOutstandingR2T)
        throw broken('The target asks for more at once than was agreed on.')
      nextSn++
      openSequences++
      permittedBytes += desiredBytes
      return sequence(bufferOffset, permittedBytes, transferTag, () => openSequences--)
    },
    answered: ({ response, status, residual }, data) => {
      if (response !== 0)
        throw new IscsiError('rejected', `The target could not finish the command (response ${response}).`)
      return finish(status, senseOf(data), residual)
    },
  }
}

/** Takes the sense data out of a response. RFC 7143, 11.4.7. */
function senseOf(data: Uint8Array): Uint8Array {
  if (data.length === 0) return nothing
  const length = data.length < 2 ? Number.POSITIVE_INFINITY : viewOf(data).getUint16(0)
  if (length > data.length - 2) throw broken('The sense data is longer than the response that has it.')
  return data.subarray(2, 2 + length)
}
