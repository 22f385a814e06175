import { isNbdError, type NbdExport, type NbdServer, type ServeNbdOptions, serveNbd } from '@holdfast/protocol-nbd'
import { usageError } from '../output.js'
import type { Listening } from './listening.js'

/** Who is told what happens at a server, and what can be done where it cannot listen. */
export interface ServerHooks extends Pick<ServeNbdOptions, 'onConnection' | 'onError'> {
  readonly listenHint: string
}

/** Starts to listen. What goes wrong for a client is told, and the server goes on. */
export async function startServer(
  listening: Listening,
  exports: readonly NbdExport[],
  { listenHint, ...hooks }: ServerHooks,
): Promise<NbdServer> {
  try {
    return await serveNbd({ ...listening, exports, ...hooks })
  } catch (error) {
    if (!isNbdError(error)) throw error
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    throw usageError(`${error.message}${cause}`, listenHint)
  }
}
