import { broken } from '../nbd-error.js'
import { command } from '../wire/constants.js'
import type { BlockStatus } from '../wire/replies.js'
import type { Request } from './connection.js'
import type { NbdBlockExtent } from './nbd-client.js'

/** Most that is asked about at once: a server may look at every cluster of it before it answers. */
const maxAskedBytes = 2 ** 30

/** Asks until a range is covered, and joins neighbours. Spec: "NBD_CMD_BLOCK_STATUS". @throws NbdError */
export async function* rangeStatus(
  run: (request: Request) => Promise<readonly BlockStatus[]>,
  contextId: number,
  start: number,
  end: number,
): AsyncIterable<NbdBlockExtent> {
  let pending: NbdBlockExtent | undefined
  for (let at = start; at < end; ) {
    const statuses = await run({
      command: command.blockStatus,
      offset: at,
      lengthBytes: Math.min(end - at, maxAskedBytes),
    })
    const status = statuses.find((candidate) => candidate.contextId === contextId)
    if (status === undefined) throw broken('The server left a context out of a block status.')
    for (const extent of status.extents()) {
      // The last extent may reach beyond what was asked.
      const length = Math.min(extent.length, end - at)
      if (length === 0) break
      if (pending?.flags === extent.flags) pending = { ...pending, length: pending.length + length }
      else {
        if (pending !== undefined) yield pending
        pending = { offset: at, length, flags: extent.flags }
      }
      at += length
    }
  }
  if (pending !== undefined) yield pending
}
