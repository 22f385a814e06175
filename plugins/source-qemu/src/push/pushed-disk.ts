import type { DiskId } from '@holdfast/core'
import { isQmpError } from '@holdfast/protocol-qmp'
import { brokenSnapshot } from '../capture/broken-snapshot.js'
import type { DiskData } from '../capture/transport.js'
import { sourceError } from '../errors.js'
import { fromQemu } from '../monitor/monitor.js'
import type { Scope } from './copy-snapshot.js'
import { sharedCall } from './shared-call.js'
import type { Spool } from './spool.js'

/** A disk that QEMU writes to a spool. */
export interface PushedDisk {
  readonly machine: string
  readonly id: DiskId
  readonly sizeBytes: number
  readonly tracksChanges: boolean
  readonly scratchFolder: string
  readonly tempDir: string
  readonly spool: Spool
  /** Has QEMU write so much of the disk; never called while it does. @throws QmpError */
  readonly copy: (scope: Scope, signal: AbortSignal) => Promise<void>
}

/** Reads a disk from its spool, and has QEMU fill that as far as it is needed; `stop` ends that. */
export function pushedDisk(pushed: PushedDisk): DiskData & { readonly stop: () => Promise<void> } {
  const { machine, id, sizeBytes, tracksChanges, spool } = pushed
  let last: Promise<unknown> = Promise.resolve()
  const fetching = (scope: Scope) =>
    sharedCall(async (signal) => {
      const before = last
      const work = (async () => {
        await before
        spool.noteChanges(scope === 'changes')
        await fromQemu(machine, 'read', async () => {
          try {
            await pushed.copy(scope, signal)
          } catch (error) {
            throw await copyFailure(pushed, error)
          }
        })
      })()
      last = work.catch(() => undefined)
      await work
    })
  const calls = {
    changes: fetching('changes'),
    surroundings: fetching('surroundings'),
    everything: fetching('everything'),
  }
  const fetchEverything = async (signal: AbortSignal) => {
    await calls.everything.join(signal)
    if (!spool.holds(0, sizeBytes)) throw incomplete(pushed)
  }

  return {
    extents: async function* (since, { signal }) {
      if (since === undefined) await fetchEverything(signal)
      else await calls.changes.join(signal)
      yield* spool.extents(since === undefined ? 'all' : 'changed')
    },
    readInto: async (offset, into, { signal }) => {
      signal.throwIfAborted()
      if (offset < 0 || offset + into.length > sizeBytes)
        throw sourceError('E_USAGE', `The range is no part of disk '${id}'.`, {
          operation: 'source.read',
          context: { machine, disk: id },
        })
      if (tracksChanges && !spool.holds(offset, into.length)) await calls.surroundings.join(signal)
      if (!spool.holds(offset, into.length)) await fetchEverything(signal)
      try {
        await spool.read(offset, into)
      } catch (cause) {
        throw sourceError('E_SOURCE_READ', `What QEMU sent of disk '${id}' of machine '${machine}' cannot be read.`, {
          operation: 'source.read',
          context: { machine, disk: id },
          hint: `Does the storage of ${pushed.tempDir} fail? The system's log tells.`,
          cause,
        })
      }
    },
    stop: async () => {
      await Promise.all(Object.values(calls).map((call) => call.stop()))
      await last
    },
  }
}

async function copyFailure(
  { machine, id, scratchFolder, tempDir, spool }: PushedDisk,
  error: unknown,
): Promise<unknown> {
  if (!isQmpError(error) || error.code !== 'job') return error
  if (!spool.isFull()) return await brokenSnapshot({ machine, id, scratchFolder }, error, error.message)
  return sourceError(
    'E_SOURCE_READ',
    `There is no room for what QEMU sends of disk '${id}' of machine '${machine}': ${error.message}.`,
    {
      operation: 'source.read',
      context: { machine, disk: id },
      hint: `${tempDir} is full: it must hold all that is read of the disk. Set TMPDIR to a larger folder, or use transport: pull.`,
      cause: error,
    },
  )
}

function incomplete({ machine, id }: PushedDisk): Error {
  return sourceError('E_SOURCE_READ', `QEMU did not send all of disk '${id}' of machine '${machine}'.`, {
    operation: 'source.read',
    context: { machine, disk: id },
    hint: 'Use transport: pull, and report this with the version of QEMU.',
  })
}
