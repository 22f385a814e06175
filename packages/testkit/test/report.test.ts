import { expect, test } from 'vitest'
import {
  type ConformanceReport,
  conforms,
  countResults,
  renderJUnit,
  renderText,
  runConformance,
} from '../src/index.js'
import { memorySource, memoryTarget } from '../src/memory/index.js'

const report: ConformanceReport = {
  kind: 'target',
  plugin: 'acme-vault',
  capabilities: { rangeRead: true, sequential: false, maxObjectBytes: undefined, maxConcurrency: 4 },
  results: [
    { id: 'target/a', title: 'does this', status: 'passed', durationMs: 1500 },
    {
      id: 'target/b',
      title: 'does <that> & more',
      status: 'failed',
      reason: 'Byte 3 is "x"\nand \u0007.',
      durationMs: 20,
    },
    {
      id: 'target/c',
      title: 'locks',
      status: 'not-applicable',
      reason: 'the declared capabilities exclude it',
      durationMs: 0,
    },
  ],
}

test('the text names every check, why it failed, and the capabilities', () => {
  expect(renderText(report)).toMatchInlineSnapshot(`
    "target plugin 'acme-vault'

      rangeRead       yes
      sequential      no
      maxObjectBytes  no limit
      maxConcurrency  4

    ok   target/a: does this
    FAIL target/b: does <that> & more
           Byte 3 is "x"
           and .
    --   target/c: locks
           the declared capabilities exclude it

    1 passed, 1 failed, 1 not applicable
    "
  `)
})

test('the XML is well-formed for build servers whatever the reasons hold', () => {
  expect(renderJUnit(report)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="holdfast conformance" tests="3" failures="1" skipped="1" time="1.520">
      <testsuite name="target acme-vault" tests="3" failures="1" errors="0" skipped="1" time="1.520">
        <properties>
          <property name="rangeRead" value="true"/>
          <property name="sequential" value="false"/>
          <property name="maxObjectBytes" value="undefined"/>
          <property name="maxConcurrency" value="4"/>
        </properties>
        <testcase classname="target acme-vault" name="target/a: does this" time="1.500"/>
        <testcase classname="target acme-vault" name="target/b: does &lt;that&gt; &amp; more" time="0.020"><failure message="Byte 3 is &quot;x&quot;&#10;and �."/></testcase>
        <testcase classname="target acme-vault" name="target/c: locks" time="0.000"><skipped message="the declared capabilities exclude it"/></testcase>
      </testsuite>
    </testsuites>
    "
  `)
})

test('a report conforms only when something was checked and nothing failed', () => {
  expect(countResults(report)).toEqual({ passed: 1, failed: 1, 'not-applicable': 1 })
  expect(conforms(report)).toBe(false)
  expect(conforms({ ...report, results: report.results.slice(0, 1) })).toBe(true)
  expect(conforms({ ...report, results: report.results.slice(2) })).toBe(false)
})

test('running without a test runner reports each check as it ends', async () => {
  const target = memoryTarget()
  const ended: string[] = []
  const environment = { create: () => target, storeInProcess: true }
  const ran = await runConformance('target', environment, { onResult: ({ id }) => ended.push(id) })
  expect(conforms(ran)).toBe(true)
  expect(ran.results.map(({ id }) => id)).toEqual(ended)
  expect(ran.results.find(({ id }) => id === 'target/immutability/locks')).toMatchObject({
    status: 'not-applicable',
    reason: 'the declared capabilities exclude it',
  })
  expect(target.objects.keys()).toEqual([])
})

test('a check that never ends fails after its time', async () => {
  const target = memoryTarget()
  const open = (): Promise<never> => new Promise(() => undefined)
  const environment = { create: () => Object.freeze({ ...target, open }) }
  const { results } = await runConformance('target', environment, { only: ['target/stat/missing'], timeoutMs: 50 })
  expect(results).toMatchObject([{ status: 'failed', reason: expect.stringContaining('did not end within 0.05 s') }])
})

test('checks whose environment is missing are not applicable and say what is missing', async () => {
  const source = memorySource({ machines: [{ name: 'vm', disks: { root: new Uint8Array(100_000) } }] })
  const { results } = await runConformance('source', { create: () => source }, { only: ['source/capture/frozen'] })
  expect(results).toMatchObject([
    { status: 'not-applicable', reason: 'the environment does not offer reference, mutate' },
  ])
})
