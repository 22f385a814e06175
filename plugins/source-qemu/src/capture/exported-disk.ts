import type { ChangeToken, DiskId, Extent } from '@holdfast/core'
import { isNbdError, type NbdBlockExtent, type NbdClient } from '@holdfast/protocol-nbd'
import { sourceError } from '../errors.js'
import { brokenSnapshot } from './broken-snapshot.js'
import { changedExtents, type Span } from './changed-extents.js'
import type { DiskData } from './transport.js'

/** A disk that QEMU shows over NBD. */
export interface ExportedDisk {
  readonly machine: string
  readonly id: DiskId
  /** Name of the context that tells what changed. */
  readonly changes: string
  readonly scratchFolder: string
  /** Opens the disk's export, once. */
  readonly client: (signal: AbortSignal) => Promise<NbdClient>
}

const allocation = 'base:allocation'
const hole = 1
const zero = 2
const dirty = 1

/** Reads a disk from QEMU's server. */
export function exportedDisk(exported: ExportedDisk): DiskData {
  const { client } = exported
  async function* extents(since: ChangeToken | undefined, signal: AbortSignal): AsyncGenerator<Extent, void> {
    const disk = await client(signal)
    const ofSpan = (span: Span) => allocated(disk, span, signal)
    try {
      if (since === undefined) yield* ofSpan({ offset: 0, length: disk.sizeBytes })
      else yield* changedExtents(changed(disk, exported.changes, signal), ofSpan)
    } catch (error) {
      throw await readFailure(exported, error, signal)
    }
  }
  return {
    extents: (since, { signal }) => extents(since, signal),
    readInto: async (offset, into, { signal }) => {
      try {
        await (await client(signal)).read(offset, into, { signal })
      } catch (error) {
        throw await readFailure(exported, error, signal)
      }
    },
  }
}

async function* changed(disk: NbdClient, context: string, signal: AbortSignal): AsyncGenerator<Span, void> {
  for await (const extent of disk.blockStatus(context, 0, disk.sizeBytes, { signal }))
    if ((extent.flags & dirty) !== 0) yield extent
}

async function* allocated(
  disk: NbdClient,
  { offset, length }: Span,
  signal: AbortSignal,
): AsyncGenerator<Extent, void> {
  if (length === 0) return
  for await (const extent of disk.blockStatus(allocation, offset, length, { signal }))
    yield { offset: extent.offset, length: extent.length, kind: kindOf(extent) }
}

function kindOf({ flags }: NbdBlockExtent): Extent['kind'] {
  if ((flags & zero) === 0) return 'data'
  return (flags & hole) === 0 ? 'zero' : 'unallocated'
}

async function readFailure(
  { machine, id, scratchFolder }: ExportedDisk,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted()
  if (!isNbdError(error)) return error
  const context = { machine, disk: id }
  const operation = 'source.read'
  if (error.code === 'io') return await brokenSnapshot({ machine, id, scratchFolder }, error)
  if (error.code === 'out-of-range' || error.code === 'invalid')
    return sourceError('E_USAGE', `The range is no part of disk '${id}'.`, { operation, context, cause: error })
  return sourceError(
    'E_SOURCE_UNAVAILABLE',
    `Disk '${id}' of machine '${machine}' cannot be read any more: ${error.message}`,
    { operation, context, hint: 'Has QEMU ended? Run again when the machine is up.', cause: error },
  )
}
