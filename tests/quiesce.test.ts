import { BackupError, defineQuiesce, type QuiescePlugin } from '@holdfast/core'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget, type QuiesceEvent, recordingQuiesce } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { lab } from './support/lab.js'
import { withTake } from './support/sources.js'

const { init, run, points } = lab({ workers: 1 })
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function site() {
  const target = { name: 't', plugin: memoryTarget() }
  await init(target)
  const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(200_000, 1) } }] })
  const journal: QuiesceEvent[] = []
  const told = () => journal.map(({ hook, operation }) => `${operation} ${hook}`)
  return { target, source, journal, told }
}

/** A hook that notes its calls and cannot thaw. */
function stubborn(journal: QuiesceEvent[]): QuiescePlugin {
  return defineQuiesce({
    id: 'stubborn',
    capabilities: {},
    open: async () => ({
      freeze: async ({ id }) => {
        journal.push({ hook: 'stubborn', operation: 'freeze', machine: id })
        return { consistency: 'filesystem' }
      },
      thaw: async ({ id }) => {
        journal.push({ hook: 'stubborn', operation: 'thaw', machine: id })
        throw new BackupError('E_THAW', 'The file system does not answer.')
      },
      [Symbol.asyncDispose]: async () => undefined,
    }),
  })
}

describe('hooks', () => {
  test('freeze in order, thaw in reverse, and the point says what was reached', async () => {
    const { target, source, journal, told } = await site()
    const hooks = [
      recordingQuiesce({ id: 'db', consistency: 'application', journal }),
      recordingQuiesce({ id: 'fs', consistency: 'filesystem', journal }),
    ]
    const report = await run(source, [target], { quiesce: hooks })
    expect(report.machines[0]).toMatchObject({ status: 'done', consistency: 'application' })
    expect(told()).toEqual(['freeze db', 'freeze fs', 'thaw fs', 'thaw db'])
    const [entry] = await points(target)
    expect(entry?.point.quiesce.map(({ hook, consistency }) => [hook, consistency])).toEqual([
      ['db', 'application'],
      ['fs', 'filesystem'],
    ])
  })

  test('that cannot freeze fail the machine, and all are thawed once', async () => {
    const { target, source, journal, told } = await site()
    const failing = recordingQuiesce({ id: 'fs', journal })
    failing.behave('failing')
    const hooks = [recordingQuiesce({ id: 'db', journal }), failing, recordingQuiesce({ id: 'late', journal })]
    const report = await run(source, [target], { quiesce: hooks })
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_FREEZE' } })
    expect(told()).toEqual(['freeze db', 'freeze fs', 'thaw fs', 'thaw db'])
    expect(await points(target)).toEqual([])
    expect(source.inventory()).toEqual(['m'])
  })

  test('that cannot freeze lower the consistency when the policy says so', async () => {
    const { target, source, journal, told } = await site()
    const failing = recordingQuiesce({ id: 'db', consistency: 'application', journal })
    failing.behave('failing')
    const hooks = [failing, recordingQuiesce({ id: 'fs', consistency: 'filesystem', journal })]
    const report = await run(source, [target], { quiesce: hooks, onQuiesceFailure: 'degrade' })
    expect(report).toMatchObject({ status: 'partial', machines: [{ status: 'partial', consistency: 'filesystem' }] })
    expect(told()).toEqual(['freeze db', 'freeze fs', 'thaw fs', 'thaw db'])
    const [entry] = await points(target)
    expect(entry?.point).toMatchObject({ consistency: 'filesystem' })
    expect(entry?.point.quiesce[0]?.failure).toContain('told to fail')
  })

  test('that hang are thawed at their deadline', async () => {
    const { target, source, journal, told } = await site()
    const hanging = recordingQuiesce({ id: 'fs', journal, maxFreezeMs: 60 })
    hanging.behave('stalling')
    const report = await run(source, [target], { quiesce: [recordingQuiesce({ id: 'db', journal }), hanging] })
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_TIMEOUT' } })
    expect(told()).toEqual(['freeze db', 'freeze fs', 'thaw fs', 'thaw db'])
  })

  test('do not wait for a snapshot that ignores the deadline, and it is released when it comes', async () => {
    const { target, source, journal, told } = await site()
    const slow = withTake(source, async (prepared) => {
      await pause(400)
      return prepared.take({ signal: new AbortController().signal })
    })
    const started = performance.now()
    const report = await run(slow, [target], { quiesce: [recordingQuiesce({ id: 'fs', journal, maxFreezeMs: 60 })] })
    expect(performance.now() - started).toBeLessThan(390)
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_TIMEOUT' } })
    expect(told()).toEqual(['freeze fs', 'thaw fs'])
    await pause(500)
    expect(source.inventory()).toEqual(['m'])
  })

  test('that cannot thaw fail the machine loudly after all others thawed', async () => {
    const { target, source, journal, told } = await site()
    const hooks = [recordingQuiesce({ id: 'db', journal }), stubborn(journal)]
    const report = await run(source, [target], { quiesce: hooks })
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_THAW' } })
    expect(told()).toEqual(['freeze db', 'freeze stubborn', 'thaw stubborn', 'thaw db'])
    expect(source.inventory()).toEqual(['m'])
    expect(await points(target)).toEqual([])
  })

  test('that cannot thaw are told of even when the capture had failed before', async () => {
    const { target, source, journal } = await site()
    const failing = recordingQuiesce({ id: 'db', journal })
    failing.behave('failing')
    const report = await run(source, [target], { quiesce: [stubborn(journal), failing] })
    const { error } = report.machines[0] ?? {}
    expect(error?.code).toBe('E_THAW')
    expect(error?.message).toContain('told to fail')
  })
})
