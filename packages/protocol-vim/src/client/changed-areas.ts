import { protocolError } from '../vim-error.js'
import { integerAt, membersOf, present } from '../wire/members.js'
import type { MoRef } from '../wire/vim-value.js'
import type { CallOptions } from './call-options.js'
import type { VimSession } from './vim-session.js'

/** Which changes of which disk. */
export interface ChangedAreasQuery {
  readonly machine: MoRef
  /** State of the disk up to which changes are told. */
  readonly snapshot: MoRef
  /** Key of the disk among the machine's devices. */
  readonly deviceKey: number
  /** What the disk had as its `changeId` in an earlier snapshot; `*` for all that is allocated. */
  readonly changeId: string
  readonly capacityBytes: number
}

/** A span of a disk. */
export interface ChangedArea {
  readonly offset: number
  readonly length: number
}

/**
 * Tells the areas that have changed, in order, without overlaps (vSphere Web Services API, `VirtualMachine.QueryChangedDiskAreas`).
 *
 * Guarantee: all of the disk was asked about, or this throws: a server answers for a part of the disk at a time.
 *
 * @throws VimError `fault` with `FileFault` when the server knows nothing of that change id; `protocol`; what calls throw
 */
export async function* changedAreas(
  session: VimSession,
  { machine, snapshot, deviceKey, changeId, capacityBytes }: ChangedAreasQuery,
  { signal }: CallOptions = {},
): AsyncGenerator<ChangedArea> {
  let told = 0
  while (told < capacityBytes) {
    const args = { snapshot, deviceKey, startOffset: told, changeId }
    const [info] = await session.call(machine, 'QueryChangedDiskAreas', args, { signal, isRepeatable: true })
    const start = present(integerAt(info, 'startOffset'), 'the start of the areas')
    const end = start + present(integerAt(info, 'length'), 'the length of the areas')
    if (start > told || end <= told)
      throw protocolError(`The server told changes from ${start} to ${end}, and not from ${told}.`)
    for (const area of membersOf(info, 'changedArea')) {
      const offset = present(integerAt(area, 'start'), 'the start of an area')
      const length = present(integerAt(area, 'length'), 'the length of an area')
      if (length <= 0 || offset < told || offset + length > capacityBytes)
        throw protocolError(
          `The server told a change from ${offset}, ${length} bytes, which is out of order or beyond the disk.`,
        )
      yield { offset, length }
      told = offset + length
    }
    told = Math.max(told, Math.min(end, capacityBytes))
  }
}
