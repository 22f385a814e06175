import { QmpError } from '../qmp-error.js'
import type { QmpEvent } from '../wire/qmp-message.js'
import type { CallOptions } from './call-options.js'
import { watch } from './deadline.js'

/** Which events: those of a name, or those that a function says yes to. */
export type EventMatch = string | ((event: QmpEvent) => boolean)

/** An event that is waited for since before its cause. */
export interface ExpectedEvent extends Disposable {
  /** The first event that matches. Nothing goes wrong where it is never awaited. */
  readonly event: Promise<QmpEvent>
}

/** Those who listen for events. */
export interface EventHub {
  readonly on: (listener: (event: QmpEvent) => void) => () => void
  readonly expect: (match: EventMatch, options: CallOptions) => ExpectedEvent
  readonly emit: (event: QmpEvent) => void
  /** Ends every wait, and those that begin later. */
  readonly fail: (reason: QmpError) => void
}

interface Wait {
  readonly take: (event: QmpEvent) => void
  readonly reject: (error: unknown) => void
}

/** Makes a hub without listeners. */
export function eventHub(): EventHub {
  const listeners = new Set<{ readonly listener: (event: QmpEvent) => void }>()
  const waits = new Set<Wait>()
  let failure: QmpError | undefined

  const expect = (match: EventMatch, options: CallOptions): ExpectedEvent => {
    const what = typeof match === 'string' ? `The event ${match}` : 'An event'
    const matches = typeof match === 'string' ? (event: QmpEvent) => event.name === match : match
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent>()
    // A wait that is given up before anybody looks at it must not count as an unhandled rejection.
    promise.catch(() => undefined)
    const over = (settle: () => void) => {
      waits.delete(wait)
      endWatch()
      settle()
    }
    const wait: Wait = {
      take: (event) => {
        try {
          if (matches(event)) over(() => resolve(event))
        } catch (error) {
          over(() => reject(error))
        }
      },
      reject: (error) => over(() => reject(error)),
    }
    waits.add(wait)
    const endWatch = watch({ what }, options, (error) => {
      waits.delete(wait)
      reject(error)
    })
    if (failure !== undefined) wait.reject(ended(what, failure))
    return {
      event: promise,
      [Symbol.dispose]: () => wait.reject(new QmpError('aborted', `${what} was no longer waited for`)),
    }
  }

  return {
    on: (listener) => {
      const entry = { listener }
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
    expect,
    emit: (event) => {
      for (const wait of [...waits]) wait.take(event)
      for (const { listener } of [...listeners]) listener(event)
    },
    fail: (reason) => {
      failure = reason
      listeners.clear()
      for (const wait of [...waits]) wait.reject(ended('An event', reason))
    },
  }
}

function ended(what: string, cause: QmpError): QmpError {
  return new QmpError(cause.code, `${what} did not come: ${cause.message}`, { cause })
}
