import type { CapturedDisk, ChangeToken, DiskId, Extent } from '@holdfast/core'
import { expectEqual, expectThat } from '../expect.js'
import {
  discovered,
  forEachDisk,
  openSource,
  orderedExtents,
  readRange,
  referenceOf,
  type SourceCheck,
  withCapture,
} from './source-check.js'

/** Extents leave out nothing that matters. */
export const extentChecks: readonly SourceCheck[] = [
  {
    id: 'source/extents/ordered',
    kind: 'source',
    title: 'yields extents in ascending order, without overlap, inside the disk, the same each time',
    run: (env) =>
      forEachDisk(env, async (disk) => {
        const extents = await orderedExtents(env, disk)
        expectEqual(await orderedExtents(env, disk), extents, `Extents of disk ${disk.id}, asked again`)
      }),
  },
  {
    id: 'source/extents/cover-data',
    kind: 'source',
    title: 'calls only ranges zero or unallocated that read as zeros',
    run: (env) =>
      forEachDisk(env, async (disk, machine) => {
        const bytes = env.reference === undefined ? undefined : await referenceOf(env, machine.id, disk.id)
        for (const { offset, length } of withoutData(await orderedExtents(env, disk), disk.sizeBytes)) {
          const what = `Bytes ${offset} to ${offset + length} of disk ${disk.id} are outside its data extents`
          expectThat(isZero(bytes?.subarray(offset, offset + length)), `${what} and hold data.`)
          for (const part of sampled(offset, length)) {
            expectThat(
              isZero(await readRange(env, disk, part.offset, part.length)),
              `${what} and do not read as zeros.`,
            )
          }
        }
      }),
  },
  {
    id: 'source/extents/one-when-not-sparse',
    kind: 'source',
    title: 'yields the whole disk as data when it cannot tell holes',
    needs: ({ sparse }) => !sparse,
    run: (env) =>
      forEachDisk(env, async (disk) => {
        const expected = disk.sizeBytes === 0 ? [] : [{ offset: 0, length: disk.sizeBytes, kind: 'data' }]
        const extents = (await orderedExtents(env, disk)).map(({ offset, length, kind }) => ({ offset, length, kind }))
        expectEqual(extents, expected, `Extents of disk ${disk.id}`)
      }),
  },
  {
    id: 'source/extents/changed-superset',
    kind: 'source',
    title: 'yields every range that changed since a token',
    needs: ({ changedExtents }) => changedExtents,
    offers: ['reference', 'change'],
    run: async (env) => {
      await using session = await openSource(env)
      let incremental = 0
      for (const machine of await discovered(env, session)) {
        const tokens = new Map<DiskId, ChangeToken>()
        const before = new Map<DiskId, Uint8Array>()
        await withCapture(env, session, machine, async (capture) => {
          for (const { id, changeToken } of capture.disks) {
            before.set(id, await referenceOf(env, machine.id, id))
            if (changeToken !== undefined) tokens.set(id, changeToken)
          }
          await capture.acknowledge({ signal: env.signal })
        })
        await env.change?.(machine.id)
        const look = async ({ disks }: { readonly disks: readonly CapturedDisk[] }): Promise<void> => {
          for (const disk of disks) {
            if (disk.tracking.mode !== 'incremental') continue
            incremental++
            const after = await referenceOf(env, machine.id, disk.id)
            const changed = await orderedExtents(env, disk, tokens.get(disk.id))
            expectCovered(changed, before.get(disk.id) ?? new Uint8Array(0), after, disk.id)
          }
        }
        await withCapture(env, session, machine, look, tokens)
      }
      expectThat(incremental > 0, 'No disk was captured incrementally, although the source declares changedExtents.')
    },
  },
]

/** Ranges that the extents do not call data, gaps included. */
function* withoutData(extents: readonly Extent[], sizeBytes: number): Generator<{ offset: number; length: number }> {
  let end = 0
  for (const { offset, length } of [
    ...extents.filter(({ kind }) => kind === 'data'),
    { offset: sizeBytes, length: 0 },
  ]) {
    if (offset > end) yield { offset: end, length: offset - end }
    end = offset + length
  }
}

/** The start and the end of a range: enough to see whether reading agrees. */
function* sampled(offset: number, length: number): Generator<{ offset: number; length: number }> {
  const size = Math.min(length, 65_536)
  yield { offset, length: size }
  if (length > size) yield { offset: offset + length - size, length: size }
}

function isZero(bytes: Uint8Array | undefined): boolean {
  return (
    bytes === undefined ||
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(new Uint8Array(bytes.length))
  )
}

function expectCovered(changed: readonly Extent[], before: Uint8Array, after: Uint8Array, disk: DiskId): void {
  let next = 0
  for (let at = 0; at < after.length; at++) {
    while (next < changed.length && (changed[next]?.offset ?? 0) + (changed[next]?.length ?? 0) <= at) next++
    const extent = changed[next]
    const covered = extent !== undefined && extent.offset <= at
    if (!covered) {
      expectThat(after[at] === before[at], `Byte ${at} of disk ${disk} changed, and no changed extent covers it.`)
    } else if (extent.kind !== 'data') {
      expectThat(
        after[at] === 0,
        `Byte ${at} of disk ${disk} lies in a changed extent '${extent.kind}' and is not zero.`,
      )
    }
  }
}
