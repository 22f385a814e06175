import { broken, IscsiError } from '../iscsi-error.js'
import type { ScsiCommand } from '../scsi/scsi-device.js'
import { asyncEvent, initiatorOpcode, noTag, rejectReasons, taskFunction, taskResponse } from '../wire/constants.js'
import { viewOf } from '../wire/header.js'
import { encodeInitiatorPdu, type InitiatorPdu, noLun } from '../wire/initiator-pdus.js'
import { boundedPlace } from '../wire/pdu-reader.js'
import type { AsyncPdu, NopInPdu, TargetPdu } from '../wire/target-pdus.js'
import type { Channel } from './channel.js'
import { createForgottenTags } from './forgotten-tags.js'
import type { IscsiAnswer } from './iscsi-session.js'
import type { CallBounds, PduTaker, ReadyLogin } from './open-connection.js'
import { createOutbox } from './outbox.js'
import { createPendingCalls, createTags, type Reply } from './pending-calls.js'
import { createScsiTask, type ScsiTask } from './scsi-task.js'
import { createSequenceNumbers } from './sequence-numbers.js'
import { createTaskSet } from './task-set.js'

/** Bounds of a session. */
export interface SessionLimits {
  readonly maxCommands: number
  readonly abortTimeoutMs: number
}

/** A session after its login, until its connection ends. */
export interface Session extends PduTaker {
  readonly parameters: ReadyLogin['parameters']
  /** Sends a command. @throws IscsiError, and the reason of an abort */
  readonly execute: (lun: Uint8Array, command: ScsiCommand, bounds: CallBounds) => Promise<IscsiAnswer>
  readonly ping: (bounds: CallBounds) => Promise<void>
  readonly resetUnit: (lun: Uint8Array, bounds: CallBounds) => Promise<void>
  /** Sends a text request, and returns the response to it. */
  readonly text: (transferTag: number, data: Uint8Array, bounds: CallBounds) => Promise<Reply>
  /** Takes no more commands, logs out where nothing is in flight, and hangs up. */
  readonly close: (reason: IscsiError | undefined) => Promise<void>
  /** Settles when the session is over. */
  readonly closed: Promise<IscsiError | undefined>
}

/** Answers to the target's pings that may wait to be sent. */
const maxWaitingAnswers = 32
/** How long a logout may take, and then the end of the connection. */
const farewellMs = 2000

/** Makes the session of a login. */
export function createSession(ready: ReadyLogin, channel: Channel, limits: SessionLimits): Session {
  const { parameters } = ready
  const numbers = createSequenceNumbers(ready)
  const over = Promise.withResolvers<IscsiError | undefined>()
  const forgotten = createForgottenTags()
  const calls = createPendingCalls(forgotten.add)
  const nextTag = createTags((tag) => tasks.find(tag) !== undefined || calls.has(tag) || forgotten.has(tag))
  /** Why no more commands are taken. */
  let refusal: IscsiError | undefined
  let isDead = false

  const tasks = createTaskSet({
    isWindowOpen: numbers.isWindowOpen,
    forCommand: numbers.forCommand,
    expStatSn: () => numbers.forRequest().expStatSn,
    addData: (next) => outbox.addData(next),
    pump: () => {
      if (!isDead) outbox.pump()
    },
    abortTask,
    fail: (error) => fail(error),
    onForgotten: forgotten.add,
    ...limits,
  })
  const outbox = createOutbox(channel, tasks.nextCommand)

  function fail(error: IscsiError): void {
    if (isDead) return
    isDead = true
    channel.destroy()
    refusal ??= closedBecause(error)
    tasks.rejectWaiting(refusal)
    const unknown = withUnknownFate(error)
    tasks.rejectInFlight(unknown)
    calls.rejectAll(unknown)
    over.resolve(error)
  }

  async function request(
    kind: 'nop-in' | 'task-response' | 'text-response' | 'logout-response',
    make: (tag: number) => InitiatorPdu,
    bounds: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
    data?: Uint8Array,
  ): Promise<Reply> {
    if (isDead) throw refusal
    const tag = nextTag()
    const reply = calls.wait(tag, kind, bounds)
    if (calls.has(tag)) {
      outbox.addUrgent(() => encodeInitiatorPdu(make(tag), data))
      outbox.pump()
    }
    return await reply
  }

  async function manage(
    about: { readonly function: number; readonly lun: Uint8Array },
    task: ScsiTask | undefined,
    bounds: CallBounds,
  ) {
    let before: readonly ScsiTask[] = []
    const { pdu } = await request(
      'task-response',
      (tag) => {
        before = tasks.inFlight()
        const referenced = { referencedTag: task?.tag ?? noTag, referencedCmdSn: task?.cmdSn() ?? 0 }
        return { kind: 'task-management', ...about, tag, ...referenced, ...numbers.forRequest() }
      },
      bounds,
    )
    return { response: pdu.kind === 'task-response' ? pdu.response : taskResponse.rejected, before }
  }

  async function abortTask(task: ScsiTask): Promise<void> {
    const bounds = { signal: undefined, timeoutMs: limits.abortTimeoutMs }
    const { response } = await manage({ function: taskFunction.abortTask, lun: task.lun }, task, bounds)
    if (response !== taskResponse.complete && response !== taskResponse.noSuchTask)
      throw new IscsiError('rejected', `The target does not abort the task (response ${response}).`)
  }

  function take(pdu: TargetPdu, data: Uint8Array): void {
    numbers.note(pdu)
    switch (pdu.kind) {
      case 'nop-in':
        takeNop(pdu, data)
        break
      case 'data-in':
        if (!forgotten.has(pdu.tag)) tasks.dataCame(pdu, data.length)
        break
      case 'ready-to-transfer':
        if (!forgotten.has(pdu.tag)) tasks.dataWanted(pdu)
        break
      case 'scsi-response':
        if (!forgotten.has(pdu.tag)) tasks.answered(pdu, data)
        break
      case 'task-response':
      case 'text-response':
      case 'logout-response':
        takeReply(pdu.tag, { pdu, data })
        break
      case 'async':
        takeEvent(pdu)
        break
      case 'reject':
        takeReject(pdu.reason, data)
        break
      case 'login-response':
        throw broken('The target answers a login that is over.')
    }
    if (!isDead) outbox.pump()
  }

  function takeReply(tag: number, reply: Reply): void {
    if (!calls.settle(tag, reply) && !forgotten.has(tag)) throw broken('The target answers what was not asked.')
  }

  function takeNop(pdu: NopInPdu, data: Uint8Array): void {
    if (pdu.tag !== noTag) {
      takeReply(pdu.tag, { pdu, data })
      return
    }
    if (pdu.transferTag === noTag) return
    if (outbox.urgentCount() >= maxWaitingAnswers) throw broken('The target asks for more signs of life than it takes.')
    const { lun, transferTag } = pdu
    outbox.addUrgent(() =>
      encodeInitiatorPdu({ kind: 'nop-out', lun, tag: noTag, transferTag, ...numbers.forRequest() }),
    )
  }

  function takeEvent({ event, lun, parameter3 }: AsyncPdu): void {
    switch (event) {
      case asyncEvent.connectionDropped:
      case asyncEvent.sessionDropped:
        throw new IscsiError('lost', 'The target says that it drops the connection.')
      case asyncEvent.tasksTerminated: {
        const ended = tasks.inFlight().filter((task) => Buffer.compare(task.lun, lun) === 0)
        tasks.end(ended, new IscsiError('aborted', 'The target has ended all tasks of the unit.'))
        return
      }
      case asyncEvent.logoutRequested:
      case asyncEvent.negotiationRequested:
        // What is not carried out within that time is lost when the target hangs up.
        leaveWithin(parameter3 * 1000)
    }
  }

  /** Takes no more commands, and closes when those in flight are answered. */
  function leaveWithin(timeMs: number): void {
    if (refusal !== undefined) return
    const error = new IscsiError('lost', 'The target asked for a logout.')
    refusal = closedBecause(error)
    tasks.rejectWaiting(refusal)
    const endsAt = performance.now() + timeMs
    const timer = setInterval(() => {
      if (!isDead && tasks.inFlight().length > 0 && performance.now() < endsAt) return
      clearInterval(timer)
      close(error).catch(fail)
    }, 20)
  }

  function takeReject(reason: number, data: Uint8Array): void {
    if (data.length < 20) throw broken('The target rejects a request without saying which.')
    const opcode = viewOf(data).getUint8(0) & 0x3f
    const tag = viewOf(data).getUint32(16)
    const meaning = rejectReasons[reason] ?? `reason ${reason}`
    const error = new IscsiError('rejected', `The target rejects a request: ${meaning}.`)
    const task = tasks.find(tag)
    // A task whose data was rejected is still answered. RFC 7143, 11.17.1.
    if (task !== undefined && opcode === initiatorOpcode.scsiCommand) tasks.end([task], error)
    else if (opcode !== initiatorOpcode.dataOut) calls.reject(tag, error)
  }

  async function close(reason: IscsiError | undefined): Promise<void> {
    const bounds = { timeoutMs: farewellMs }
    refusal ??= closedBecause(reason)
    tasks.rejectWaiting(refusal)
    const isQuiet = tasks.inFlight().length === 0
    over.resolve(reason)
    if (!isDead && isQuiet) {
      const logout = (tag: number) => ({ kind: 'logout', reason: 0, tag, ...numbers.forRequest() }) as const
      // Whatever comes of it, the connection ends.
      await request('logout-response', logout, bounds).catch(() => undefined)
      if (!isDead) channel.end()
    }
    const timer = setTimeout(channel.destroy, isQuiet ? farewellMs : 0)
    await channel.closed
    clearTimeout(timer)
    fail(reason ?? new IscsiError('lost', 'The session was closed by its owner.'))
  }

  return {
    parameters,
    place: (pdu, dataBytes) => {
      if (pdu.kind !== 'data-in') return boundedPlace(dataBytes, parameters.receiveSegmentBytes)
      if (forgotten.has(pdu.tag)) return boundedPlace(dataBytes, parameters.receiveSegmentBytes)
      const task = tasks.find(pdu.tag)
      if (task === undefined) throw broken('The target sends data for a task that is not there.')
      if (dataBytes > parameters.receiveSegmentBytes) throw broken('A PDU has more data than was agreed on.')
      return task.place(pdu, dataBytes)
    },
    take,
    fail,
    execute: async (lun, command, bounds) => {
      bounds.signal?.throwIfAborted()
      if (refusal !== undefined) throw refusal
      return await tasks.run(createScsiTask(lun, nextTag(), command, parameters), bounds)
    },
    ping: async (bounds) => {
      const make = (tag: number) =>
        ({ kind: 'nop-out', lun: noLun, tag, transferTag: noTag, ...numbers.forRequest() }) as const
      await request('nop-in', make, bounds)
    },
    resetUnit: async (lun, bounds) => {
      const { response, before } = await manage({ function: taskFunction.unitReset, lun }, undefined, bounds)
      if (response !== taskResponse.complete)
        throw new IscsiError('rejected', `The target does not reset the unit: ${meaningOf(response)}.`)
      const ended = before.filter((task) => Buffer.compare(task.lun, lun) === 0)
      tasks.end(
        ended,
        new IscsiError('aborted', 'The unit was reset. Nobody knows whether the command was carried out.'),
      )
    },
    text: async (transferTag, data, bounds) => {
      const make = (tag: number) =>
        ({ kind: 'text', isFinal: true, continues: false, tag, transferTag, ...numbers.forRequest() }) as const
      return await request('text-response', make, bounds, data)
    },
    close,
    closed: over.promise,
  }
}

function meaningOf(response: number): string {
  if (response === taskResponse.noSuchUnit) return 'there is none of that number'
  return response === taskResponse.notSupported ? 'it cannot' : `response ${response}`
}

function closedBecause(reason: IscsiError | undefined): IscsiError {
  if (reason === undefined) return new IscsiError('closed', 'The session was closed. This was not sent.')
  return new IscsiError('closed', `The session is over. This was not sent. ${reason.message}`, {
    cause: reason,
    hint: 'Make a new session with reconnect(), and find out how far the last commands came.',
  })
}

function withUnknownFate(error: IscsiError): IscsiError {
  const message = `${error.message} Nobody knows whether the commands in flight were carried out.`
  return new IscsiError(error.code === 'connect' ? 'lost' : error.code, message, { cause: error, hint: error.hint })
}
