import type { ScsiAnswer, ScsiDevice } from '../scsi/scsi-device.js'
import { noTag, scsiStatus } from '../wire/constants.js'
import { viewOf } from '../wire/header.js'
import type { DataOutPdu, ScsiCommandPdu } from '../wire/initiator-pdus.js'
import { joined } from '../wire/joined.js'
import { decodeLun, encodeLun } from '../wire/lun.js'
import type { Residual } from '../wire/target-pdus.js'
import type { FakeAgreement } from './fake-parameters.js'
import type { FakeTalk } from './fake-talk.js'

/** The commands of one connection. */
export interface TaskRunner {
  readonly command: (pdu: ScsiCommandPdu, data: Uint8Array) => void
  readonly dataOut: (pdu: DataOutPdu, data: Uint8Array) => void
  /** Ends tasks without an answer: one, or all of a unit. Returns whether there was one. */
  readonly abort: (which: (task: { readonly tag: number; readonly lun: number | undefined }) => boolean) => boolean
  /** Commands that were taken and are not answered. */
  readonly running: () => number
}

interface Task {
  readonly tag: number
  readonly lun: number | undefined
  readonly pdu: ScsiCommandPdu
  readonly data: Uint8Array
  readonly controller: AbortController
  /** Settles when the data is complete, or the task was aborted. */
  readonly ready: PromiseWithResolvers<void>
  /** What came so far. */
  cameBytes: number
  /** What was permitted so far. */
  permittedBytes: number
  r2tSn: number
  /** Number of the next Data-Out of the sequence. */
  dataSn: number
}

const mostBytes = 2 ** 26
const illegalRequest = (code: number) => Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0)
const noSuchUnit = 0x25

/** Makes the runner of a connection's commands; those to one unit run one after another, in the order of their coming. */
export function createTaskRunner(
  units: ReadonlyMap<number, ScsiDevice>,
  agreement: FakeAgreement,
  talk: FakeTalk,
): TaskRunner {
  const tasks = new Map<number, Task>()
  const turns = new Map<number | undefined, Promise<void>>()

  function askForMore(task: Task): void {
    const left = task.pdu.expectedBytes - task.permittedBytes
    const desiredBytes = Math.min(left, agreement.maxBurstBytes)
    const { lun } = task.pdu
    const about = { lun, tag: task.tag, transferTag: task.tag, r2tSn: task.r2tSn, bufferOffset: task.permittedBytes }
    talk.send({ kind: 'ready-to-transfer', ...about, desiredBytes, ...talk.numbers() })
    task.r2tSn++
    task.dataSn = 0
    task.permittedBytes += desiredBytes
  }

  /** A sequence of data has ended: more is asked for, or the command begins. */
  function goOn(task: Task): void {
    if (task.pdu.isWrite && task.cameBytes < task.pdu.expectedBytes) {
      task.permittedBytes = task.cameBytes
      askForMore(task)
      return
    }
    task.ready.resolve()
  }

  async function run(task: Task): Promise<void> {
    await task.ready.promise
    if (tasks.get(task.tag) !== task) return
    const { pdu, data } = task
    let answer: ScsiAnswer
    try {
      answer = await execute(task)
    } catch {
      answer = { status: scsiStatus.checkCondition, sense: illegalRequest(0x44), dataInBytes: 0 }
    }
    if (!tasks.delete(task.tag)) return
    respond(pdu, answer, data.subarray(0, answer.dataInBytes))
  }

  async function execute({ pdu, data, lun, controller }: Task): Promise<ScsiAnswer> {
    const [opcode] = pdu.cdb
    if (opcode === 0xa0) return put(data, listOfUnits([...units.keys()]))
    const device = lun === undefined ? undefined : units.get(lun)
    if (device === undefined) {
      if (opcode === 0x12) return put(data, Uint8Array.of(0x7f, 0, 5, 2, 0))
      return { status: scsiStatus.checkCondition, sense: illegalRequest(noSuchUnit), dataInBytes: 0 }
    }
    const cdb = pdu.cdb.subarray(0, cdbBytes(opcode ?? 0))
    const command = { cdb, ...(pdu.isWrite && { dataOut: data }), ...(pdu.isRead && { dataIn: data }) }
    return await device.execute(command, { signal: controller.signal })
  }

  function respond(pdu: ScsiCommandPdu, { status, sense }: ScsiAnswer, data: Uint8Array): void {
    const { tag, expectedBytes, isRead } = pdu
    const missing = isRead ? expectedBytes - data.length : 0
    const residual: Residual = missing > 0 ? { kind: 'underflow', bytes: missing } : { kind: 'none', bytes: 0 }
    let dataSn = 0
    const mayJoin = agreement.statusWithData && status === scsiStatus.good
    for (let at = 0; isRead && at < data.length; ) {
      const burstEnd = Math.min(data.length, (Math.floor(at / agreement.maxBurstBytes) + 1) * agreement.maxBurstBytes)
      const end = Math.min(burstEnd, at + agreement.sendSegmentBytes)
      const isLast = end === data.length
      const hasStatus = isLast && mayJoin
      const numbers = hasStatus ? talk.answerNumbers() : talk.numbers()
      const place = { dataSn: dataSn++, bufferOffset: at, isFinal: end === burstEnd }
      const outcome = { hasStatus, status: 0, residual: hasStatus ? residual : ({ kind: 'none', bytes: 0 } as const) }
      talk.send({ kind: 'data-in', tag, ...place, ...outcome, ...numbers }, data.subarray(at, end))
      at = end
    }
    if (dataSn > 0 && mayJoin) return
    const outcome = { response: 0, status, residual, expDataSn: dataSn }
    const length = new Uint8Array(2)
    viewOf(length).setUint16(0, sense.length)
    const body = sense.length === 0 ? undefined : joined([length, sense])
    talk.send({ kind: 'scsi-response', tag, ...outcome, ...talk.answerNumbers() }, body)
  }

  return {
    command: (pdu, data) => {
      const { tag, expectedBytes } = pdu
      const lun = decodeLun(pdu.lun)
      if (expectedBytes > mostBytes || tasks.has(tag)) {
        talk.hangUp()
        return
      }
      const buffer = new Uint8Array(expectedBytes)
      buffer.set(data.subarray(0, expectedBytes))
      const controller = new AbortController()
      const [cameBytes, ready] = [data.length, Promise.withResolvers<void>()]
      const counts = { cameBytes, permittedBytes: cameBytes, r2tSn: 0, dataSn: 0 }
      const task: Task = { tag, lun, pdu, data: buffer, controller, ready, ...counts }
      tasks.set(tag, task)
      const before = turns.get(lun) ?? Promise.resolve()
      turns.set(
        lun,
        before.then(async () => await run(task)),
      )
      if (pdu.isFinal) goOn(task)
      else task.permittedBytes = Math.min(expectedBytes, agreement.firstBurstBytes)
    },
    dataOut: (pdu, data) => {
      const task = tasks.get(pdu.tag)
      if (task === undefined) return
      const isWrong =
        pdu.dataSn !== task.dataSn++ ||
        pdu.bufferOffset !== task.cameBytes ||
        task.cameBytes + data.length > task.permittedBytes
      if (isWrong || pdu.transferTag !== (task.r2tSn === 0 ? noTag : task.tag)) {
        talk.hangUp()
        return
      }
      task.data.set(data, pdu.bufferOffset)
      task.cameBytes += data.length
      if (pdu.isFinal) goOn(task)
    },
    abort: (which) => {
      const ended = [...tasks.values()].filter(which)
      for (const task of ended) {
        tasks.delete(task.tag)
        task.controller.abort()
        task.ready.resolve()
      }
      return ended.length > 0
    },
    running: () => tasks.size,
  }
}

function put(into: Uint8Array, bytes: Uint8Array): ScsiAnswer {
  const dataInBytes = Math.min(into.length, bytes.length)
  into.set(bytes.subarray(0, dataInBytes))
  return { status: scsiStatus.good, sense: new Uint8Array(0), dataInBytes }
}

/** SPC-4, 6.33. */
function listOfUnits(luns: readonly number[]): Uint8Array {
  const head = new Uint8Array(8)
  viewOf(head).setUint32(0, luns.length * 8)
  return joined([head, ...luns.map(encodeLun)])
}

/** The length of a command by the group of its code. SPC-4, 4.2.5. */
function cdbBytes(opcode: number): number {
  const group = opcode >> 5
  if (group === 0) return 6
  if (group === 5) return 12
  return group === 4 ? 16 : 10
}
