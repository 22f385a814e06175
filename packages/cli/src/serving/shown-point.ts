import { isBackupError } from '@holdfast/core'
import type { ShowContents } from '@holdfast/core/engine'
import { uriOfTarget } from '@holdfast/protocol-nbd'
import type { Output } from '../output.js'
import { complaints } from './complaints.js'
import { listening } from './listening.js'
import { readFailures } from './read-failures.js'
import { type ServablePoint, servePoint } from './serve-point.js'

/** Shows the disks of a point, read-only, on a socket in a private folder, to a machine that boots over them. */
export function shownPoint(point: ServablePoint, folder: string, output: Output): ShowContents {
  return async ({ signal }) => {
    const failures = readFailures()
    const complain = complaints(output)
    const served = await servePoint(point, {
      signal,
      place: await listening({}, folder, folder),
      watched: failures.watched,
      hooks: {
        // Damage is told with the evidence, and a machine that is stopped leaves without a word.
        onError: (error, peer) => {
          if (isBackupError(error.cause) && error.cause.code !== 'E_DAMAGED') complain(error, peer)
        },
        listenHint: 'Let TMPDIR name a folder with a shorter path, or let the disks be restored first: --restore.',
      },
    })
    const { address, facts } = served
    return {
      uris: new Map(facts.map(({ disk }) => [disk, uriOfTarget({ address, exportName: disk, isTls: false })])),
      failure: failures.worst,
      [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
    }
  }
}
