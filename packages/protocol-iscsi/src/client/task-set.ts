import { broken, IscsiError } from '../iscsi-error.js'
import type { RequestNumbers } from '../wire/initiator-pdus.js'
import type { DataInPdu, ReadyToTransferPdu, ScsiResponsePdu } from '../wire/target-pdus.js'
import type { IscsiAnswer } from './iscsi-session.js'
import type { CallBounds } from './open-connection.js'
import type { Outgoing, Sender } from './outbox.js'
import type { DataSequence, ScsiTask } from './scsi-task.js'

/** What a task set needs of its session. */
export interface TaskSetHost {
  readonly isWindowOpen: () => boolean
  /** Numbers for the next command. */
  readonly forCommand: () => RequestNumbers
  readonly expStatSn: () => number
  readonly addData: (next: Sender) => void
  readonly pump: () => void
  /** Resolves when the target has ended a task. */
  readonly abortTask: (task: ScsiTask) => Promise<void>
  /** Gives the connection up. */
  readonly fail: (error: IscsiError) => void
  /** Learns the tag of a task whose PDUs may still come. */
  readonly onForgotten: (tag: number) => void
  /** Commands in flight, beside what the target's window allows. */
  readonly maxCommands: number
  /** How long the target may take to end a task, and to take what was sent to it. */
  readonly abortTimeoutMs: number
}

/** The commands of a session: those that wait for their turn, and those in flight. */
export interface TaskSet {
  readonly run: (task: ScsiTask, bounds: CallBounds) => Promise<IscsiAnswer>
  /** Starts the next command, when it may be. */
  readonly nextCommand: Sender
  /** Finds a task in flight. */
  readonly find: (tag: number) => ScsiTask | undefined
  readonly dataCame: (pdu: DataInPdu, dataBytes: number) => void
  readonly dataWanted: (pdu: ReadyToTransferPdu) => void
  readonly answered: (pdu: ScsiResponsePdu, data: Uint8Array) => void
  /** Ends tasks in flight that will not be answered any more. */
  readonly end: (tasks: readonly ScsiTask[], error: IscsiError) => void
  readonly inFlight: () => readonly ScsiTask[]
  /** Rejects what was not sent. */
  readonly rejectWaiting: (error: IscsiError) => void
  /** Rejects what is in flight; the connection must be gone. */
  readonly rejectInFlight: (error: IscsiError) => void
}

interface Entry {
  readonly task: ScsiTask
  readonly resolve: (answer: IscsiAnswer) => void
  readonly reject: (reason: unknown) => void
  /** Takes away what watches over it. */
  readonly release: () => void
  timer: NodeJS.Timeout | undefined
  /** PDUs with the caller's data that the system has not taken yet. */
  unflushed: number
  /** Why the caller gave up, once it did. */
  givenUp: { readonly reason: unknown; readonly wantsAnswer: boolean } | undefined
  /** Settles the call, once the task is over and its data is gone. */
  outcome: (() => void) | undefined
}

/** Makes a task set. */
export function createTaskSet(host: TaskSetHost): TaskSet {
  const waiting: Entry[] = []
  const flying = new Map<number, Entry>()

  function settle(entry: Entry): void {
    flying.delete(entry.task.tag)
    clearTimeout(entry.timer)
    entry.release()
    entry.outcome?.()
    host.pump()
  }

  /** The task is over; its buffers may still be on their way out. */
  function finish(entry: Entry, outcome: () => void): void {
    if (entry.outcome !== undefined) return
    entry.outcome = outcome
    clearTimeout(entry.timer)
    if (entry.unflushed === 0) {
      settle(entry)
      return
    }
    const stuck = () =>
      host.fail(new IscsiError('lost', 'The connection was given up: the target does not take what is sent.'))
    entry.timer = setTimeout(stuck, host.abortTimeoutMs)
  }

  function forgetWaiting(entry: Entry, reason: unknown): void {
    clearTimeout(entry.timer)
    entry.release()
    entry.reject(reason)
  }

  function giveUp(entry: Entry, reason: unknown, wantsAnswer: boolean): void {
    if (entry.givenUp !== undefined || entry.outcome !== undefined) return
    const index = waiting.indexOf(entry)
    if (index >= 0) {
      waiting.splice(index, 1)
      forgetWaiting(entry, wantsAnswer ? notSent(reason) : reason)
      return
    }
    entry.givenUp = { reason, wantsAnswer }
    clearTimeout(entry.timer)
    host.abortTask(entry.task).then(
      () => {
        if (entry.outcome === undefined) host.onForgotten(entry.task.tag)
        finish(entry, () => entry.reject(reason))
      },
      (cause: unknown) =>
        host.fail(new IscsiError('lost', 'The connection was given up: the target does not end a task.', { cause })),
    )
  }

  function send(entry: Entry, pdu: Outgoing['pdu']): Outgoing {
    if (pdu.data.length === 0) return { pdu }
    entry.unflushed++
    const onFlushed = () => {
      entry.unflushed--
      if (entry.unflushed === 0 && entry.outcome !== undefined && flying.get(entry.task.tag) === entry) settle(entry)
    }
    return { pdu, onFlushed }
  }

  /** Nothing more is sent for a task that is over, or is being aborted. */
  function sendData(entry: Entry, sequence: DataSequence): void {
    host.addData(() => {
      if (entry.outcome !== undefined || entry.givenUp !== undefined) return undefined
      const pdu = sequence.next(host.expStatSn())
      return pdu === undefined ? undefined : send(entry, pdu)
    })
  }

  function inFlight(tag: number): Entry {
    const entry = flying.get(tag)
    if (entry === undefined || entry.outcome !== undefined)
      throw broken('The target talks about a task that is not there.')
    return entry
  }

  function answer(entry: Entry, result: IscsiAnswer): void {
    const { givenUp } = entry
    finish(entry, () => {
      if (givenUp === undefined || givenUp.wantsAnswer) entry.resolve(result)
      else entry.reject(givenUp.reason)
    })
  }

  return {
    run: (task, { signal, timeoutMs }) => {
      const { promise, resolve, reject } = Promise.withResolvers<IscsiAnswer>()
      const onAbort = () => giveUp(entry, signal?.reason, false)
      const late = () => giveUp(entry, new IscsiError('timeout', lateMessage(timeoutMs), lateHint), true)
      const entry: Entry = {
        task,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
        timer: setTimeout(late, timeoutMs),
        unflushed: 0,
        givenUp: undefined,
        outcome: undefined,
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.push(entry)
      host.pump()
      return promise
    },
    nextCommand: () => {
      const [entry] = waiting
      if (entry === undefined || flying.size >= host.maxCommands || !host.isWindowOpen()) return undefined
      waiting.shift()
      flying.set(entry.task.tag, entry)
      const { command, data } = entry.task.begin(host.forCommand())
      if (data !== undefined) sendData(entry, data)
      return send(entry, command)
    },
    find: (tag) => {
      const entry = flying.get(tag)
      return entry?.outcome === undefined ? entry?.task : undefined
    },
    dataCame: (pdu, dataBytes) => {
      const entry = inFlight(pdu.tag)
      const result = entry.task.dataCame(pdu, dataBytes)
      if (result !== undefined) answer(entry, result)
    },
    dataWanted: (pdu) => {
      const entry = inFlight(pdu.tag)
      sendData(entry, entry.task.dataWanted(pdu))
      host.pump()
    },
    answered: (pdu, data) => {
      const entry = inFlight(pdu.tag)
      let result: IscsiAnswer
      try {
        result = entry.task.answered(pdu, data)
      } catch (error) {
        if (!(error instanceof IscsiError) || error.code !== 'rejected') throw error
        return finish(entry, () => entry.reject(error))
      }
      answer(entry, result)
    },
    end: (tasks, error) => {
      for (const { tag } of tasks) {
        const entry = flying.get(tag)
        if (entry === undefined || entry.outcome !== undefined) continue
        host.onForgotten(tag)
        finish(entry, () => entry.reject(entry.givenUp?.reason ?? error))
      }
    },
    inFlight: () => [...flying.values()].map(({ task }) => task),
    rejectWaiting: (error) => {
      for (const entry of waiting.splice(0)) forgetWaiting(entry, error)
    },
    rejectInFlight: (error) => {
      for (const entry of flying.values()) {
        entry.outcome ??= () => entry.reject(entry.givenUp?.reason ?? error)
        clearTimeout(entry.timer)
        entry.release()
        entry.outcome()
      }
      flying.clear()
    },
  }
}

const lateHint = { hint: 'Some commands take long, such as those that move a tape: give them a longer timeoutMs.' }

function lateMessage(timeoutMs: number): string {
  return `The target did not answer a command within ${timeoutMs} ms. Nobody knows whether it was carried out.`
}

function notSent(reason: unknown): IscsiError {
  return new IscsiError('timeout', 'The target took no more commands in all that time. This one was not sent.', {
    cause: reason,
  })
}
