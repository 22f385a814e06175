import { commandError, protocolError, QmpError } from '../qmp-error.js'
import type { QmpAnswer } from '../wire/qmp-message.js'
import type { CallOptions } from './call-options.js'
import { watch } from './deadline.js'

/** Commands that wait for their answers. */
export interface PendingCommands {
  /** Gives an id that was never used before. */
  readonly newId: () => number
  /** Opens the call of an id. */
  readonly open: (id: number, command: string, options: CallOptions) => Promise<unknown>
  /** Gives an answer to its call; drops one that nobody waits for any more. @throws QmpError `protocol` for an id never sent */
  readonly settle: (answer: QmpAnswer) => void
  readonly failAll: (reason: QmpError) => void
}

interface Call {
  readonly command: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: QmpError) => void
}

/** Makes an empty table. */
export function pendingCommands(): PendingCommands {
  const calls = new Map<number, Call>()
  let lastId = 0

  return {
    newId: () => {
      lastId += 1
      return lastId
    },
    open: (id, command, options) => {
      const { promise: answer, resolve, reject } = Promise.withResolvers<unknown>()
      const endWatch = watch({ what: `The answer to ${command}`, command }, options, (error) => {
        calls.delete(id)
        reject(error)
      })
      calls.set(id, {
        command,
        resolve: (value) => {
          endWatch()
          resolve(value)
        },
        reject: (error) => {
          endWatch()
          reject(error)
        },
      })
      return answer
    },
    settle: (answer) => {
      const { id } = answer
      if (id < 1 || id > lastId) throw protocolError('An answer has an id that was never sent')
      const call = calls.get(id)
      if (call === undefined) return
      calls.delete(id)
      if (answer.kind === 'return') call.resolve(answer.value)
      else call.reject(commandError(call.command, answer.class, answer.desc))
    },
    failAll: (reason) => {
      const all = [...calls.values()]
      calls.clear()
      for (const { command, reject } of all) {
        reject(
          new QmpError(reason.code, `${command} got no answer: ${reason.message}`, {
            command,
            hint: reason.hint,
            cause: reason,
          }),
        )
      }
    },
  }
}
