import { VimError } from '../vim-error.js'
import { readLocalizedFault } from '../wire/envelope.js'
import { present, refOf } from '../wire/members.js'
import type { MoRef, VimObject } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'
import type { CallOptions } from './call-options.js'
import { watchObject } from './properties.js'
import type { VimSession } from './vim-session.js'

/** How to follow a task. */
export interface TaskOptions extends CallOptions {
  /** Called with each percentage that the server tells. */
  readonly onProgress?: (percent: number) => void
}

/**
 * Calls a method that starts a task, and waits until the task has ended.
 *
 * Abort: stops waiting; the task runs on, since to cancel it may leave more behind than to wait.
 *
 * @returns its result, undefined where it has none
 * @throws VimError `task` with the server's name and words, and what calls throw
 */
export async function runTask(
  session: VimSession,
  self: MoRef,
  method: string,
  args: VimObject,
  options: TaskOptions = {},
): Promise<XmlElement | undefined> {
  const [started] = await session.call(self, method, args, { signal: options.signal })
  return await waitForTask(session, refOf(present(started, 'the task')), method, options)
}

/** Waits until a task has ended. @throws VimError `task`, and what calls throw */
export async function waitForTask(
  session: VimSession,
  task: MoRef,
  method: string,
  { signal, onProgress }: TaskOptions = {},
): Promise<XmlElement | undefined> {
  const paths = ['info.state', 'info.progress', 'info.result', 'info.error']
  for await (const info of watchObject(session, task, paths, { signal })) {
    const state = info.get('info.state')?.text
    if (state === 'success') return info.get('info.result')
    const error = info.get('info.error')
    if (state === 'error') throw taskError(method, error)
    const percent = Number(info.get('info.progress')?.text)
    if (Number.isFinite(percent)) onProgress?.(percent)
  }
  throw new VimError('protocol', `The server tells no more of the task ${method}.`, { method })
}

function taskError(method: string, error: XmlElement | undefined): VimError {
  const { name, message } = error === undefined ? { name: '', message: 'no reason given' } : readLocalizedFault(error)
  return new VimError('task', `${method} failed: ${message === '' ? name : `${message} (${name})`}`, {
    method,
    fault: name,
  })
}
