import {
  BackupError,
  type ChangeToken,
  type MachineRef,
  type ProvisionedMachine,
  type RestoreFacet,
} from '@holdfast/core'
import { toArray } from '../../src/index.js'
import { brokenSource } from './broken-source.js'
import type { Sabotage } from './sabotage.js'

/** Sources that discover, track or restore badly. */
export const brokenSources: readonly Sabotage<'source'>[] = [
  brokenSource('discovers a machine twice', 'source/discover/exactly-once', /some machine twice/, {
    session: (session) => ({ discover: (selector, call) => times(session.discover(selector, call), 2) }),
  }),
  brokenSource('skips a machine', 'source/discover/exactly-once', /Machines of the first discovery/, {
    session: (session) => ({
      discover: (selector, call) => only(session.discover(selector, call), ({ name }) => name !== 'db-1'),
    }),
  }),
  brokenSource('ignores the selector', 'source/discover/selector', /Machines of/, {
    session: (session) => ({ discover: (_selector, call) => session.discover({}, call) }),
  }),
  brokenSource('ignores what to exclude', 'source/discover/selector', /Machines of .*exclude/, {
    session: (session) => ({ discover: ({ exclude: _, ...selector }, call) => session.discover(selector, call) }),
  }),
  brokenSource('takes a star for a letter', 'source/discover/selector', /Machines of .*\*/, {
    session: (session) => ({
      discover: ({ include, ...selector }, call) =>
        session.discover(
          { ...selector, ...(include && { include: include.map((p) => p.replaceAll('*', '?')) }) },
          call,
        ),
    }),
  }),
  brokenSource('ignores labels', 'source/discover/selector', /Machines of .*labels/, {
    session: (session) => ({ discover: ({ labels: _, ...selector }, call) => session.discover(selector, call) }),
  }),
  brokenSource('prepares although already aborted', 'source/discover/aborted', /although it was aborted/, {
    session: (session) => ({
      prepare: (machine, request) => session.prepare(machine, request, { signal: new AbortController().signal }),
    }),
  }),
  brokenSource('prepares a machine that is not there', 'source/prepare/missing-machine', /it succeeded/, {
    session: (session) => ({
      prepare: async (machine, request, call) => {
        const [first] = await toArray(session.discover({ include: [machine.id] }, call))
        return first === undefined
          ? { take: never, [Symbol.asyncDispose]: async () => undefined }
          : session.prepare(machine, request, call)
      },
    }),
  }),
  brokenSource('gives no reason for a full capture', 'source/tracking/reason', /without a reason/, {
    disk: () => ({ tracking: { mode: 'full', reason: ' ' } }),
  }),
  brokenSource('calls a first capture incremental', 'source/tracking/reason', /Tracking of disk/, {
    disk: () => ({ tracking: { mode: 'incremental', reason: 'always' } }),
  }),
  brokenSource('trusts a token that it does not know', 'source/tracking/unknown-token', /Tracking of disk/, {
    session: (session) => ({
      prepare: async (machine, request, call) => {
        const prepared = await session.prepare(machine, request, call)
        const mode = request.previous.size > 0 ? 'incremental' : 'full'
        return {
          ...prepared,
          take: async (options) => {
            const capture = await prepared.take(options)
            return {
              ...capture,
              disks: capture.disks.map((disk) => ({ ...disk, tracking: { mode, reason: 'since the last' } })),
            }
          },
        }
      },
    }),
  }),
  brokenSource(
    'gives tokens that nobody can use',
    'source/tracking/undeclared',
    /has a change token/,
    { disk: () => ({ changeToken: 'token' as ChangeToken }) },
    { changedExtents: false },
  ),
  brokenSource('cannot be disposed twice', 'source/sessions/dispose-twice', /already closed/, {
    session: () => {
      let closed = false
      return {
        [Symbol.asyncDispose]: async () => {
          if (closed) throw new BackupError('E_SOURCE_UNAVAILABLE', 'It is already closed.')
          closed = true
        },
      }
    },
  }),
  brokenSource(
    'has a facet that it does not declare',
    'source/facets/as-declared',
    /restore is declared false/,
    { session: () => ({ restore: { provision: never } }) },
    { restore: false },
  ),
  brokenRestore('loses a write', 'source/restore/round-trip', /byte 131072 is/, (provisioned) => ({
    disks: provisioned.disks.map((disk) => ({
      ...disk,
      write: async (offset, data, call) => {
        if (offset !== 131_072) await disk.write(offset, data, call)
      },
    })),
  })),
  brokenRestore('forgets to commit', 'source/restore/round-trip', /is not discovered/, () => ({
    commit: async () => undefined,
  })),
  brokenRestore(
    'provisions a disk of another size',
    'source/restore/round-trip',
    /The provisioned disk has/,
    (provisioned) => ({
      disks: provisioned.disks.map((disk) => ({ ...disk, sizeBytes: disk.sizeBytes + 512 })),
    }),
  ),
  brokenRestore('keeps a machine that was not committed', 'source/restore/discard', /after discarding/, () => ({
    [Symbol.asyncDispose]: async () => undefined,
  })),
  brokenRestore('drops what is written past the end', 'source/restore/past-end', /it succeeded/, (provisioned) => ({
    disks: provisioned.disks.map((disk) => ({
      ...disk,
      write: async (offset, data, call) => {
        if (offset >= 0 && offset + data.length <= disk.sizeBytes) await disk.write(offset, data, call)
      },
    })),
  })),
  brokenSource('restores into the machine that is there', 'source/restore/keeps-existing', /The existing disk/, {
    session: ({ restore }, source) => ({
      ...(restore && {
        restore: {
          provision: async (machine, placement, call) => {
            if (!source.inventory().includes(machine.id)) return restore.provision(machine, placement, call)
            return {
              location: 'in place',
              disks: machine.disks.map(({ id, sizeBytes }) => ({
                id,
                sizeBytes,
                write: async (offset: number, data: Uint8Array) => source.mutate(machine.id, id, offset, data),
              })),
              commit: async () => undefined,
              [Symbol.asyncDispose]: async () => undefined,
            }
          },
        },
      }),
    }),
  }),
]

function brokenRestore(
  flaw: string,
  caughtBy: string,
  because: RegExp,
  breakage: (provisioned: ProvisionedMachine) => Partial<ProvisionedMachine>,
): Sabotage<'source'> {
  const broken = (restore: RestoreFacet): RestoreFacet => ({
    provision: async (machine, placement, call) => {
      const provisioned = await restore.provision(machine, placement, call)
      return { ...provisioned, ...breakage(provisioned) }
    },
  })
  return brokenSource(flaw, caughtBy, because, {
    session: ({ restore }) => ({ ...(restore && { restore: broken(restore) }) }),
  })
}

async function never(): Promise<never> {
  throw new BackupError('E_UNSUPPORTED', 'This is never called.')
}

async function* times<T>(stream: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  for await (const value of stream) for (let at = 0; at < count; at++) yield value
}

async function* only(
  stream: AsyncIterable<MachineRef>,
  keep: (machine: MachineRef) => boolean,
): AsyncGenerator<MachineRef> {
  for await (const machine of stream) if (keep(machine)) yield machine
}
