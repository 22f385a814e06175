import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PluginKind } from '@holdfast/core'
import { afterAll, describe, test } from 'vitest'
import { whyNotApplicable } from './checks/check.js'
import type { EnvironmentByKind, SourceEnvironment } from './checks/environment.js'
import { capabilitiesOf, checksOf } from './checks/index.js'
import { runCheck } from './run-check.js'
import { testContext } from './test-context.js'

/** What the setup of a conformance suite gets. */
export interface SetupTools {
  /** Empty folder of this suite, removed afterwards. */
  readonly tempFolder: string
  /** Registers what to do after the last check; run in reverse order. */
  readonly onCleanup: (cleanUp: () => unknown) => void
}

/** Describes the surroundings of the plugin: the server, the folder, the machines. Called once a suite. */
export type Setup<Environment> = (tools: SetupTools) => Environment | Promise<Environment>

/** What a source's suite needs: the checks cannot judge bytes without knowing them. */
export type DescribedSource = SourceEnvironment & Required<Pick<SourceEnvironment, 'machines' | 'reference'>>

/** Registers a test for each check that applies to a source. */
export function describeSource(name: string, setup: Setup<DescribedSource>): void {
  describeConformance('source', name, setup)
}

/** Registers a test for each check that applies to a quiesce hook. */
export function describeQuiesce(name: string, setup: Setup<EnvironmentByKind['quiesce']>): void {
  describeConformance('quiesce', name, setup)
}

/** Registers a test for each check that applies to a transform. */
export function describeTransform(name: string, setup: Setup<EnvironmentByKind['transform']>): void {
  describeConformance('transform', name, setup)
}

/** Registers a test for each check that applies to a target. */
export function describeTarget(name: string, setup: Setup<EnvironmentByKind['target']>): void {
  describeConformance('target', name, setup)
}

function describeConformance<Kind extends PluginKind>(
  kind: Kind,
  name: string,
  setup: Setup<EnvironmentByKind[Kind]>,
): void {
  // The setup runs while tests are collected, since only the plugin knows which checks apply to it.
  describe(name, async () => {
    const tempFolder = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'))
    const cleanUps: (() => unknown)[] = [() => rm(tempFolder, { recursive: true, force: true })]
    const cleanUp = async (): Promise<void> => {
      for (const step of cleanUps.splice(0).reverse()) await step()
    }
    try {
      const environment = await setup({ tempFolder, onCleanup: (step) => cleanUps.push(step) })
      const context = testContext({ tempDir: tempFolder })
      const capabilities = capabilitiesOf<Kind>(environment)
      afterAll(cleanUp, 60_000)
      for (const check of checksOf(kind)) {
        if (whyNotApplicable(check, environment, capabilities) !== undefined) continue
        test(`${check.id}: ${check.title}`, () => runCheck(check, environment, { context }))
      }
    } catch (error) {
      await cleanUp()
      throw error
    }
  })
}
