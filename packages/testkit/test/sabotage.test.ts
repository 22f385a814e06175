import type { PluginKind } from '@holdfast/core'
import { describe, expect, test } from 'vitest'
import { checksByKind, runConformance } from '../src/index.js'
import { brokenBoots } from './sabotage/broken-boots.js'
import { brokenCaptures } from './sabotage/broken-captures.js'
import { brokenQuiesceObjects, brokenSourceObjects, brokenTransformObjects } from './sabotage/broken-objects.js'
import { brokenPuts } from './sabotage/broken-puts.js'
import { brokenQuiesce } from './sabotage/broken-quiesce.js'
import { brokenReads } from './sabotage/broken-reads.js'
import { brokenSets } from './sabotage/broken-sets.js'
import { brokenSources } from './sabotage/broken-sources.js'
import { brokenTransforms } from './sabotage/broken-transforms.js'
import type { Sabotage } from './sabotage/sabotage.js'

const brokenTargets = [...brokenPuts, ...brokenReads, ...brokenSets]
const brokenHooks = [...brokenQuiesce, ...brokenQuiesceObjects]
const brokenCodecs = [...brokenTransforms, ...brokenTransformObjects]
const brokenOrigins = [...brokenSources, ...brokenCaptures, ...brokenBoots, ...brokenSourceObjects]

describe('a target that', () => catches('target', brokenTargets))
describe('a source that', () => catches('source', brokenOrigins))
describe('a hook that', () => catches('quiesce', brokenHooks))
describe('a transform that', () => catches('transform', brokenCodecs))

test('every check catches some sabotaged plugin', () => {
  const caught = new Set(
    [...brokenTargets, ...brokenOrigins, ...brokenHooks, ...brokenCodecs].map(({ caughtBy }) => caughtBy),
  )
  const toothless = Object.values(checksByKind).flatMap((checks) =>
    checks.map(({ id }) => id).filter((id) => !caught.has(id)),
  )
  expect(toothless).toEqual([])
})

function catches<Kind extends PluginKind>(kind: Kind, sabotages: readonly Sabotage<Kind>[]): void {
  const isCaught = async ({ caughtBy, because, environment }: Sabotage<Kind>) => {
    const { results } = await runConformance(kind, environment(), { only: [caughtBy] })
    expect(results).toMatchObject([{ id: caughtBy, status: 'failed', reason: expect.stringMatching(because) }])
  }
  // What weighs the memory of the process must be alone in it.
  const [weighing, others] = [true, false].map((weighs) =>
    sabotages.filter(({ caughtBy }) => weighsMemory(caughtBy) === weighs),
  )
  test.concurrent.each(others ?? [])('$flaw is caught by $caughtBy', isCaught)
  if (weighing?.[0] !== undefined) test.each(weighing)('$flaw is caught by $caughtBy', isCaught)
}

function weighsMemory(check: string): boolean {
  return check.endsWith('/large-object')
}
