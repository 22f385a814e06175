import type { PluginKind } from '@holdfast/core'
import { describe, expect, test } from 'vitest'
import { runConformance } from '../src/index.js'
import { brokenPuts } from './sabotage/broken-puts.js'
import { brokenQuiesce } from './sabotage/broken-quiesce.js'
import { brokenReads } from './sabotage/broken-reads.js'
import { brokenTransforms } from './sabotage/broken-transforms.js'
import type { Sabotage } from './sabotage/sabotage.js'

describe('a target that', () => catches('target', [...brokenPuts, ...brokenReads]))
describe('a hook that', () => catches('quiesce', brokenQuiesce))
describe('a transform that', () => catches('transform', brokenTransforms))

function catches<Kind extends PluginKind>(kind: Kind, sabotages: readonly Sabotage<Kind>[]): void {
  test.each(sabotages)('$flaw is caught by $caughtBy', async ({ caughtBy, because, environment }) => {
    const { results } = await runConformance(kind, environment(), { only: [caughtBy] })
    expect(results).toMatchObject([{ id: caughtBy, status: 'failed', reason: expect.stringMatching(because) }])
  })
}
