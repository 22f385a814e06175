import { setTimeout as sleep } from 'node:timers/promises'
import { NbdError } from '../nbd-error.js'
import type { NbdExport, NbdExportCall } from '../server/nbd-export.js'
import type { ErrnoName } from '../wire/errno.js'

/** Makes reads and writes that touch a byte fail with an errno. */
export function withFailureAt(disk: NbdExport, badOffset: number, errno: ErrnoName): NbdExport {
  return withBefore(disk, async (offset, length) => {
    if (offset <= badOffset && badOffset < offset + length)
      throw new NbdError('io', 'This byte fails on purpose.', { errno, offset: badOffset })
  })
}

/** Makes every read and write take longer. */
export function withDelay(disk: NbdExport, delayMs: number): NbdExport {
  return withBefore(disk, async (_offset, _length, { signal }) => await sleep(delayMs, undefined, { signal }))
}

/** Makes the server hang up instead of answering after so many reads and writes. */
export function withCutAfter(disk: NbdExport, calls: number): NbdExport {
  let left = calls
  return withBefore(disk, async () => {
    if (left-- <= 0) throw new NbdError('closed', 'The connection is cut on purpose.')
  })
}

type Before = (offset: number, length: number, call: NbdExportCall) => Promise<void>

/** Does something before every read and write. */
function withBefore(disk: NbdExport, before: Before): NbdExport {
  const { write } = disk
  const wrapped: NbdExport = {
    ...disk,
    read: async (offset, into, call) => {
      await before(offset, into.length, call)
      await disk.read(offset, into, call)
    },
  }
  if (write === undefined) return wrapped
  return {
    ...wrapped,
    write: async (offset, bytes, call) => {
      await before(offset, bytes.length, call)
      await write(offset, bytes, call)
    },
  }
}
