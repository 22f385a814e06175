import type { Socket } from 'node:net'
import type { ChapOptions } from '../client/chap-talk.js'
import type { ScsiDevice } from '../scsi/scsi-device.js'
import { noTag, taskFunction, taskResponse } from '../wire/constants.js'
import { decodeInitiatorPdu, type InitiatorPdu, type LoginPdu, type TextPdu } from '../wire/initiator-pdus.js'
import { joined } from '../wire/joined.js'
import { decodeLun } from '../wire/lun.js'
import { piecesOf } from '../wire/pdu-pieces.js'
import { boundedPlace, createPduReader, type Digests } from '../wire/pdu-reader.js'
import { plus } from '../wire/serial-number.js'
import { encodeTargetPdu } from '../wire/target-pdus.js'
import { createTextGatherer, decodeKeys, encodeKeys, uniqueKeys } from '../wire/text-keys.js'
import type { FakeParameters } from './fake-parameters.js'
import type { FakeMisbehaviour, FakeTalk } from './fake-talk.js'
import { createLoginResponder } from './login-responder.js'
import { createTaskRunner, type TaskRunner } from './task-runner.js'

/** What a connection is served with. */
export interface FakeService {
  readonly name: string
  readonly units: ReadonlyMap<number, ScsiDevice>
  readonly parameters: FakeParameters
  readonly chap: ChapOptions | undefined
  readonly misbehaviour: FakeMisbehaviour
  /** The portal's own address, for those who ask for targets. */
  readonly address: () => string
  /** Learns what comes. */
  readonly onArrival: (pdu: InitiatorPdu) => void
}

/** Most data of a PDU that is taken, whatever was declared: for initiators that forget it. */
const mostSegmentBytes = 2 ** 20

/** Serves a connection until it ends. */
export function serveConnection(socket: Socket, service: FakeService): void {
  const { misbehaviour } = service
  const responder = createLoginResponder(service.name, service.chap, { ...service.parameters, sendSegmentBytes: 8192 })
  const gatherer = createTextGatherer()
  let digests: Digests = { header: false, data: false }
  let statSn = 1
  let expCmdSn = 0
  let runner: TaskRunner | undefined
  let incoming: InitiatorPdu | undefined
  let isImmediate = false

  const numbers = () => {
    const room = service.parameters.window - (runner?.running() ?? 0)
    return { statSn, expCmdSn, maxCmdSn: plus(expCmdSn, Math.max(0, room) - 1) }
  }
  const talk: FakeTalk = {
    send: (pdu, data) => {
      const bytes = joined(piecesOf(encodeTargetPdu(pdu, data), digests))
      sendBytes(misbehaviour.onBytes?.(bytes, pdu) ?? bytes)
    },
    sendBytes,
    hangUp: () => socket.destroy(),
    stopReading: () => socket.pause(),
    numbers,
    answerNumbers: () => {
      const now = numbers()
      statSn = plus(statSn, 1)
      return now
    },
  }

  function sendBytes(bytes: Uint8Array): void {
    if (!socket.destroyed && bytes.length > 0) socket.write(bytes)
  }

  function takeLogin(pdu: LoginPdu, data: Uint8Array): void {
    gatherer.add(data)
    expCmdSn = pdu.cmdSn
    const { stage, nextStage, isid, tag } = pdu
    const head = { kind: 'login-response', continues: false, stage, isid, tag } as const
    if (pdu.continues) {
      const rest = { isTransit: false, nextStage: 0, tsih: 0, status: 0 }
      talk.send({ ...head, ...rest, ...talk.answerNumbers() })
      return
    }
    const reply = responder.respond(pdu, uniqueKeys(decodeKeys(gatherer.finish())))
    const isDone = reply.isTransit && nextStage === 3
    const rest = { isTransit: reply.isTransit, nextStage: reply.isTransit ? nextStage : 0, tsih: isDone ? 1 : 0 }
    talk.send({ ...head, ...rest, status: reply.status, ...talk.answerNumbers() }, encodeKeys(reply.keys))
    if (reply.status !== 0) socket.end()
    if (!isDone) return
    const agreement = responder.agreement()
    digests = { header: agreement.headerDigest, data: agreement.dataDigest }
    reader.useDigests(digests)
    runner = createTaskRunner(service.units, agreement, talk)
  }

  function takeText({ tag }: TextPdu, data: Uint8Array): void {
    const isAsked = decodeKeys(data).some(([key]) => key === 'SendTargets')
    const keys = [['TargetName', service.name] as const, ['TargetAddress', `${service.address()},1`] as const]
    const about = { isFinal: true, continues: false, tag, transferTag: noTag }
    talk.send({ kind: 'text-response', ...about, ...talk.answerNumbers() }, encodeKeys(isAsked ? keys : []))
  }

  function manage(pdu: InitiatorPdu & { readonly kind: 'task-management' }): number {
    if (pdu.function === taskFunction.abortTask) {
      const isThere = runner?.abort(({ tag }) => tag === pdu.referencedTag)
      return isThere === true ? taskResponse.complete : taskResponse.noSuchTask
    }
    if (pdu.function !== taskFunction.unitReset) return taskResponse.notSupported
    const wanted = decodeLun(pdu.lun)
    if (wanted === undefined || !service.units.has(wanted)) return taskResponse.noSuchUnit
    runner?.abort(({ lun }) => lun === wanted)
    return taskResponse.complete
  }

  function take(pdu: InitiatorPdu, data: Uint8Array): void {
    service.onArrival(pdu)
    if (pdu.kind !== 'login' && pdu.kind !== 'data-out' && !isImmediate) {
      // RFC 7143, 4.2.2.1: out of turn is ignored without a word.
      if (pdu.cmdSn !== expCmdSn) return
      expCmdSn = plus(expCmdSn, 1)
    }
    if (misbehaviour.onPdu?.(pdu, data, talk) === true) return
    switch (pdu.kind) {
      case 'login':
        takeLogin(pdu, data)
        break
      case 'scsi-command':
        runner?.command(pdu, data)
        break
      case 'data-out':
        runner?.dataOut(pdu, data)
        break
      case 'nop-out': {
        if (pdu.tag === noTag) break
        const { lun, tag } = pdu
        talk.send({ kind: 'nop-in', lun, tag, transferTag: noTag, ...talk.answerNumbers() }, data)
        break
      }
      case 'text':
        takeText(pdu, data)
        break
      case 'task-management': {
        const response = manage(pdu)
        talk.send({ kind: 'task-response', tag: pdu.tag, response, ...talk.answerNumbers() })
        break
      }
      case 'logout':
        talk.send({ kind: 'logout-response', tag: pdu.tag, response: 0, ...talk.answerNumbers() })
        socket.end()
        break
    }
  }

  const reader = createPduReader({
    onHeader: (header, dataBytes) => {
      incoming = decodeInitiatorPdu(header)
      isImmediate = ((header[0] ?? 0) & 0x40) !== 0
      return boundedPlace(dataBytes, mostSegmentBytes)
    },
    onPdu: (_header, data) => {
      if (incoming !== undefined) take(incoming, data)
    },
    onFailure: () => socket.destroy(),
  })
  socket.setNoDelay(true)
  socket.on('data', reader.push)
  socket.on('error', () => {})
  socket.once('close', () => {
    reader.stop()
    runner?.abort(() => true)
  })
}
