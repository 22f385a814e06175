import type { ChangeToken, DiskId } from '@holdfast/core'
import { expectEqual, expectThat } from '../expect.js'
import { discovered, openSource, type SourceCheck, withCapture } from './source-check.js'

/** The source says what it could do, and why. */
export const trackingChecks: readonly SourceCheck[] = [
  {
    id: 'source/tracking/reason',
    kind: 'source',
    title: 'captures in full without a token and says why',
    run: async (env) => {
      await using session = await openSource(env)
      for (const machine of await discovered(env, session)) {
        await withCapture(env, session, machine, async ({ disks }) => {
          for (const { id, tracking } of disks) {
            expectEqual(tracking.mode, 'full', `Tracking of disk ${id} without an earlier token`)
            expectThat(tracking.reason.trim() !== '', `Disk ${id} is captured in full without a reason.`)
          }
        })
      }
    },
  },
  {
    id: 'source/tracking/unknown-token',
    kind: 'source',
    title: 'captures a disk in full whose token it does not know',
    run: async (env) => {
      await using session = await openSource(env)
      for (const machine of await discovered(env, session)) {
        const tokens = await withCapture(env, session, machine, async ({ disks }) => {
          return new Map(disks.map(({ id }): [DiskId, ChangeToken] => [id, 'a token of somebody else' as ChangeToken]))
        })
        await withCapture(
          env,
          session,
          machine,
          async ({ disks }) => {
            for (const { id, tracking } of disks) {
              expectEqual(tracking.mode, 'full', `Tracking of disk ${id} with an unknown token`)
              expectThat(tracking.reason.trim() !== '', `Disk ${id} is captured in full without a reason.`)
            }
          },
          tokens,
        )
      }
    },
  },
  {
    id: 'source/tracking/undeclared',
    kind: 'source',
    title: 'gives no change tokens when it declares no changed extents',
    needs: ({ changedExtents }) => !changedExtents,
    run: async (env) => {
      await using session = await openSource(env)
      for (const machine of await discovered(env, session)) {
        await withCapture(env, session, machine, async ({ disks }) => {
          for (const { id, changeToken } of disks)
            expectThat(changeToken === undefined, `Disk ${id} has a change token.`)
        })
      }
    },
  },
]
