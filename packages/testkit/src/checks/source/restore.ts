import { type DiskId, isBackupError, type Machine, type Placement, type RestoreFacet } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { describeError, expectBackupError, expectBytes, expectEqual, expectThat, fail } from '../expect.js'
import { toArray } from '../streams.js'
import {
  discovered,
  openSource,
  readRange,
  type SourceCheck,
  type SourceCheckEnvironment,
  withCapture,
} from './source-check.js'

const diskBytes = 1024 * 1024

/** Machines are put back as they were, or not at all. */
export const restoreChecks: readonly SourceCheck[] = [
  {
    id: 'source/restore/round-trip',
    kind: 'source',
    title: 'gives a restored machine exactly the bytes that were written, zeros elsewhere',
    needs: ({ restore }) => restore,
    run: async (env) => {
      const name = env.uniqueName
      const machine = machineToRestore(env)
      const expected = new Uint8Array(diskBytes)
      await restoreSession(env, async (restore) => {
        await using provisioned = await restore.provision(machine, placementOf(env, name), { signal: env.signal })
        expectEqual(
          provisioned.disks.map(({ id }) => id).sort(),
          machine.disks.map(({ id }) => id).sort(),
          'Provisioned disks',
        )
        expectThat(provisioned.location.trim() !== '', 'The location is empty.')
        const [disk] = provisioned.disks
        if (disk === undefined) fail('No disk was provisioned.')
        expectThat(
          disk.sizeBytes === diskBytes,
          `The provisioned disk has ${disk.sizeBytes} bytes, expected ${diskBytes}.`,
        )
        const shared = new Uint8Array(new SharedArrayBuffer(65_536))
        shared.set(seededBytes(65_536, 41))
        const writes: readonly (readonly [number, Uint8Array])[] = [
          [0, seededBytes(4_096, 42)],
          [131_072, shared],
          [300_001, seededBytes(70_000, 43)],
          [diskBytes - 512, seededBytes(512, 44)],
        ]
        for (const [offset, bytes] of writes) expected.set(bytes, offset)
        await Promise.all(writes.map(([offset, bytes]) => disk.write(offset, bytes, { signal: env.signal })))
        await provisioned.commit({ signal: env.signal })
      })
      try {
        expectBytes(await restoredBytes(env, name), expected, 'The restored disk')
      } finally {
        await env.removeRestored?.(name)
      }
    },
  },
  {
    id: 'source/restore/discard',
    kind: 'source',
    title: 'leaves nothing of a restore that is not committed',
    needs: ({ restore }) => restore,
    run: async (env) => {
      await using session = await openSource(env)
      const [before, things] = [await toArray(session.discover({}, { signal: env.signal })), await env.inventory?.()]
      await restoreSession(env, async (restore) => {
        const placement = placementOf(env, env.uniqueName)
        const provisioned = await restore.provision(machineToRestore(env), placement, { signal: env.signal })
        await provisioned.disks[0]?.write(0, seededBytes(4_096, 45), { signal: env.signal })
        await provisioned[Symbol.asyncDispose]()
        await provisioned[Symbol.asyncDispose]()
      })
      expectEqual((await env.inventory?.())?.toSorted(), things?.toSorted(), 'Inventory after discarding')
      expectEqual(await toArray(session.discover({}, { signal: env.signal })), before, 'Machines after discarding')
    },
  },
  {
    id: 'source/restore/keeps-existing',
    kind: 'source',
    title: 'never overwrites a machine that is there',
    needs: ({ restore }) => restore,
    offers: ['reference'],
    run: async (env) => {
      await using session = await openSource(env)
      const [existing] = await discovered(env, session)
      if (existing === undefined) return
      const machine = await withCapture(env, session, existing, async (capture) => capture.machine)
      const disk = machine.disks[0]?.id ?? fail('The first machine has no disk.')
      const before = await env.reference?.(existing.id, disk)
      await restoreSession(env, async (restore) => {
        const placement = { ...placementOf(env, existing.name), name: existing.name }
        const attempt = restore.provision(machine, placement, { signal: env.signal })
        const provisioned = await attempt.catch(async (error: unknown) => {
          if (!isBackupError(error)) fail(`provision threw ${describeError(error)}, which is not a BackupError.`, error)
          await expectBackupError(attempt, ['E_PLACEMENT', 'E_SOURCE_*'], 'Restoring onto an existing machine')
          return undefined
        })
        await provisioned?.disks[0]?.write(0, seededBytes(512, 46), { signal: env.signal })
        await provisioned?.[Symbol.asyncDispose]()
      })
      expectBytes(
        (await env.reference?.(existing.id, disk)) ?? new Uint8Array(0),
        before ?? new Uint8Array(0),
        'The existing disk',
      )
    },
  },
  {
    id: 'source/restore/past-end',
    kind: 'source',
    title: 'refuses to write past the end of a disk',
    needs: ({ restore }) => restore,
    run: (env) =>
      restoreSession(env, async (restore) => {
        const placement = placementOf(env, env.uniqueName)
        await using provisioned = await restore.provision(machineToRestore(env), placement, { signal: env.signal })
        for (const offset of [diskBytes, diskBytes - 1, -1]) {
          const write =
            provisioned.disks[0]?.write(offset, seededBytes(2, 47), { signal: env.signal }) ?? Promise.resolve()
          await expectBackupError(
            write,
            ['E_PLACEMENT', 'E_SOURCE_*', 'E_USAGE'],
            `Writing 2 bytes at ${offset} of ${diskBytes}`,
          )
        }
      }),
  },
]

/** Opens a session and works with its restore facet. */
export async function restoreSession(
  env: SourceCheckEnvironment,
  work: (restore: RestoreFacet) => Promise<void>,
): Promise<void> {
  await using session = await openSource(env)
  await work(session.restore ?? fail('The session has no restore facet.'))
}

/** Where the checks put a machine of that name. */
export function placementOf(env: SourceCheckEnvironment, name: string): Placement {
  return env.placement?.(name) ?? { name }
}

/** A machine with one blank disk, `disk-0`. */
export function machineToRestore(env: SourceCheckEnvironment): Machine {
  return {
    id: env.uniqueName as Machine['id'],
    name: env.uniqueName,
    firmware: 'bios',
    cpus: 1,
    memoryBytes: 64 * 1024 * 1024,
    disks: [{ id: 'disk-0' as DiskId, sizeBytes: diskBytes }],
  }
}

/** The bytes of a disk of a restored machine. */
export async function restoredBytes(
  env: SourceCheckEnvironment,
  name: string,
  disk = 'disk-0' as DiskId,
): Promise<Uint8Array> {
  if (env.readRestored !== undefined) return env.readRestored(name, disk)
  await using session = await openSource(env)
  const [machine] = await toArray(session.discover({ include: [name] }, { signal: env.signal }))
  if (machine === undefined)
    fail(`The restored machine '${name}' is not discovered; give the environment readRestored.`)
  return withCapture(env, session, machine, async ({ disks }) => {
    const restored = disks.find(({ id }) => id === disk) ?? fail(`The restored machine has no disk '${disk}'.`)
    return readRange(env, restored, 0, restored.sizeBytes)
  })
}
