import { IscsiError } from '../iscsi-error.js'
import { noTag } from '../wire/constants.js'
import type { TargetPdu } from '../wire/target-pdus.js'

/** Kinds of responses that are waited for one at a time. */
type ReplyKind = 'nop-in' | 'task-response' | 'text-response' | 'logout-response'

/** A response, with its data. */
export interface Reply {
  readonly pdu: TargetPdu
  readonly data: Uint8Array
}

interface PendingCall {
  readonly kind: ReplyKind
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
}

/** Requests beside commands: pings, task management, texts, the logout. */
export interface PendingCalls {
  /** Waits for the response to a tag. @throws IscsiError `timeout`, and the reason of an abort */
  readonly wait: (
    tag: number,
    kind: ReplyKind,
    bounds: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ) => Promise<Reply>
  /** Hands a response to who waits for it; false when nobody does. */
  readonly settle: (tag: number, reply: Reply) => boolean
  readonly has: (tag: number) => boolean
  /** Rejects the one that a tag names, if there is such. */
  readonly reject: (tag: number, error: IscsiError) => boolean
  readonly rejectAll: (error: IscsiError) => void
}

/** Makes the table of requests beside commands; `onForgotten` learns the tags whose responses may still come. */
export function createPendingCalls(onForgotten: (tag: number) => void): PendingCalls {
  const calls = new Map<number, PendingCall>()
  return {
    wait: async (tag, kind, { signal, timeoutMs }) => {
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<Reply>()
      const forget = (reason: unknown) => {
        if (calls.get(tag)?.resolve === resolve) onForgotten(tag)
        reject(reason)
      }
      const onAbort = () => forget(signal?.reason)
      const late = () => forget(new IscsiError('timeout', `The target did not answer within ${timeoutMs} ms.`))
      const timer = setTimeout(late, timeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      calls.set(tag, { kind, resolve, reject })
      try {
        return await promise
      } finally {
        calls.delete(tag)
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
    },
    settle: (tag, reply) => {
      const call = calls.get(tag)
      if (call?.kind !== reply.pdu.kind) return false
      calls.delete(tag)
      call.resolve(reply)
      return true
    },
    has: (tag) => calls.has(tag),
    reject: (tag, error) => {
      const call = calls.get(tag)
      calls.delete(tag)
      call?.reject(error)
      return call !== undefined
    },
    rejectAll: (error) => {
      for (const { reject } of calls.values()) reject(error)
      calls.clear()
    },
  }
}

/** Makes tags that are not in use. */
export function createTags(isTaken: (tag: number) => boolean): () => number {
  let last = 0
  return () => {
    do last = (last + 1) % noTag
    while (isTaken(last))
    return last
  }
}
