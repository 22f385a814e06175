import { type CapturedDisk, isBackupError } from '@holdfast/core'
import { describeError, expectBytes, expectEqual, expectThat, fail } from '../expect.js'
import { toArray } from '../streams.js'
import {
  discovered,
  openSource,
  readRange,
  referenceOf,
  type SourceCheck,
  type SourceCheckEnvironment,
  withCapture,
} from './source-check.js'

const pieceBytes = 64 * 1024

/** Captures are points in time, and leave nothing behind. */
export const captureChecks: readonly SourceCheck[] = [
  {
    id: 'source/prepare/discard',
    kind: 'source',
    title: 'leaves no trace of a preparation that is discarded',
    run: async (env) => {
      await using session = await openSource(env)
      const [before, things] = [await discovered(env, session), await env.inventory?.()]
      for (const machine of before) {
        const prepared = await session.prepare(machine, { previous: new Map() }, { signal: env.signal })
        await prepared[Symbol.asyncDispose]()
        await prepared[Symbol.asyncDispose]()
      }
      expectEqual((await env.inventory?.())?.toSorted(), things?.toSorted(), 'Inventory after discarding')
      expectEqual(await discovered(env, session), before, 'Machines after discarding')
    },
  },
  {
    id: 'source/capture/released',
    kind: 'source',
    title: 'leaves no trace of a capture that is released, also when released twice',
    run: async (env) => {
      await using session = await openSource(env)
      const [machines, things] = [await discovered(env, session), await env.inventory?.()]
      for (const machine of machines) {
        const prepared = await session.prepare(machine, { previous: new Map() }, { signal: env.signal })
        const capture = await prepared.take({ signal: env.signal })
        for (let round = 0; round < 2; round++) {
          await capture[Symbol.asyncDispose]()
          await prepared[Symbol.asyncDispose]()
        }
      }
      expectEqual((await env.inventory?.())?.toSorted(), things?.toSorted(), 'Inventory after releasing')
    },
  },
  {
    id: 'source/capture/outlives-preparation',
    kind: 'source',
    title: 'keeps a capture readable when its preparation is disposed first',
    run: async (env) => {
      await using session = await openSource(env)
      const [machine] = await discovered(env, session)
      if (machine === undefined) return
      const prepared = await session.prepare(machine, { previous: new Map() }, { signal: env.signal })
      await using capture = await prepared.take({ signal: env.signal })
      await prepared[Symbol.asyncDispose]()
      for (const disk of capture.disks) await readRange(env, disk, 0, Math.min(4096, disk.sizeBytes))
    },
  },
  {
    id: 'source/capture/describes',
    kind: 'source',
    title: 'describes the machine and accounts for every disk',
    run: async (env) => {
      await using session = await openSource(env)
      for (const ref of await discovered(env, session)) {
        await withCapture(env, session, ref, async ({ machine, disks, unavailable, takenAt, consistency }) => {
          expectEqual([machine.id, machine.name], [ref.id, ref.name], 'Id and name of the captured machine')
          const accounted = [...disks, ...unavailable].map(({ id }) => id).sort()
          expectEqual(
            accounted,
            machine.disks.map(({ id }) => id).sort(),
            `Disks captured or unavailable of ${ref.name}`,
          )
          for (const { id, sizeBytes } of disks) {
            expectThat(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0, `Disk ${id} has ${sizeBytes} bytes.`)
            expectThat(
              machine.disks.some((spec) => spec.id === id && spec.sizeBytes === sizeBytes),
              `Disk ${id} has two sizes.`,
            )
          }
          for (const { id, reason } of unavailable)
            expectThat(reason.trim() !== '', `Disk ${id} is unavailable without a reason.`)
          const ageMs = env.context.clock.now().getTime() - takenAt.getTime()
          expectThat(Math.abs(ageMs) < 86_400_000, `takenAt is ${takenAt.toISOString()}, more than a day off.`)
          expectThat(
            ['application', 'filesystem', 'crash'].includes(consistency),
            `'${consistency}' is no consistency.`,
          )
        })
      }
    },
  },
  {
    id: 'source/capture/frozen',
    kind: 'source',
    title: 'reads the bytes of the point in time, or fails, whatever the guest writes meanwhile',
    offers: ['reference', 'mutate'],
    run: async (env) => {
      await using session = await openSource(env)
      for (const machine of await discovered(env, session)) {
        await withCapture(env, session, machine, async ({ disks }) => {
          for (const disk of disks) {
            const before = await referenceOf(env, machine.id, disk.id)
            await readRange(env, disk, 0, Math.min(pieceBytes, disk.sizeBytes))
            await env.mutate?.(machine.id, disk.id)
            const after = await referenceOf(env, machine.id, disk.id)
            expectThat(
              Buffer.compare(before, after) !== 0,
              `The environment's mutate changed nothing on disk ${disk.id}.`,
            )
            await expectOldBytes(env, disk, before)
          }
        })
      }
    },
  },
  {
    id: 'source/capture/acknowledge',
    kind: 'source',
    title: 'takes an acknowledgement while the capture is open',
    run: async (env) => {
      await using session = await openSource(env)
      for (const machine of await discovered(env, session)) {
        await withCapture(env, session, machine, (capture) => capture.acknowledge({ signal: env.signal }))
        await withCapture(env, session, machine, async ({ disks }) => {
          for (const disk of disks) await readRange(env, disk, 0, Math.min(512, disk.sizeBytes))
        })
      }
    },
  },
  {
    id: 'source/capture/two-machines',
    kind: 'source',
    title: 'captures several machines at once',
    run: async (env) => {
      await using session = await openSource(env)
      const machines = (await toArray(session.discover({}, { signal: env.signal }))).slice(0, 3)
      await Promise.all(
        machines.map((ref) =>
          withCapture(env, session, ref, async ({ machine, disks }) => {
            expectEqual(machine.id, ref.id, 'Machine of a concurrent capture')
            for (const disk of disks) await readRange(env, disk, 0, Math.min(4096, disk.sizeBytes))
          }),
        ),
      )
    },
  },
]

async function expectOldBytes(env: SourceCheckEnvironment, disk: CapturedDisk, before: Uint8Array): Promise<void> {
  for (let offset = 0; offset < disk.sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, disk.sizeBytes - offset)
    const read = await readRange(env, disk, offset, length).catch((error: unknown) => {
      if (!isBackupError(error))
        fail(`Reading a changed disk threw ${describeError(error)}, which is not a BackupError.`, error)
      return undefined
    })
    if (read === undefined) continue
    expectBytes(
      read,
      before.subarray(offset, offset + length),
      `Bytes from ${offset} of disk ${disk.id}, captured before a change`,
    )
  }
}
