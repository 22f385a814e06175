import { BackupError } from '@holdfast/core'
import { disconnectAfterBytes, type Fault, failNth, faultyTarget } from '@holdfast/testkit/faults'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget, recordingQuiesce } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'
import { cheapImage } from './support/sources.js'

const { init, run, points, restore, verify } = lab({ workers: 1 })

const bytes = seededBytes(3_000_000, 1)
const oneMachine = () => memorySource({ machines: [{ name: 'm', disks: { d: bytes } }] })

describe('a target that fails', () => {
  test('while data goes to it fails alone: the other is complete and the run partial', async () => {
    const good = { name: 'good', plugin: memoryTarget() }
    const inner = memoryTarget()
    await init(good, { name: 'dying', plugin: inner })
    const dying = { name: 'dying', plugin: faultyTarget(inner, disconnectAfterBytes(1_000_000)) }
    const report = await run(oneMachine(), [dying, good])
    expect(report.status).toBe('partial')
    expect(report.targets.map(({ target, status }) => [target, status])).toEqual([
      ['dying', 'failed'],
      ['good', 'done'],
    ])
    expect(report.targets[0]?.error?.code).toBe('E_TARGET_UNAVAILABLE')
    expect(report.machines[0]).toMatchObject({ status: 'partial', points: [{ target: 'good' }] })
    const [entry] = await points(good)
    const restored = entry && (await restore(good, entry.point))
    expect(equalBytes(restored?.get('d'), bytes)).toBe(true)
    const left = await verify({ name: 'dying', plugin: inner })
    expect(left).toMatchObject({ damage: [], points: [] })
    const again = await run(oneMachine(), [{ name: 'dying', plugin: inner }, good])
    expect(again.status).toBe('done')
  })

  test('that cannot be opened fails alone', async () => {
    const good = { name: 'good', plugin: memoryTarget() }
    const inner = memoryTarget()
    await init(good, { name: 'away', plugin: inner })
    const away = { name: 'away', plugin: faultyTarget(inner, disconnectAfterBytes(0)) }
    const report = await run(oneMachine(), [away, good])
    expect(report).toMatchObject({ status: 'partial', machines: [{ points: [{ target: 'good' }] }] })
  })

  test('together with all others fails the run, and freezes nothing more', async () => {
    const inner = memoryTarget()
    await init({ name: 'dying', plugin: inner })
    const dying = { name: 'dying', plugin: faultyTarget(inner, disconnectAfterBytes(1_000_000)) }
    const machines = ['a', 'b', 'c'].map((name) => ({ name, disks: { d: bytes } }))
    const hook = recordingQuiesce()
    const source = memorySource({ machines })
    const report = await run(source, [dying], { quiesce: [hook], limits: { machines: 1 } })
    expect(report.status).toBe('failed')
    expect(report.machines.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed'])
    expect(hook.journal.map(({ operation, machine }) => `${operation} ${machine}`)).toEqual(['freeze a', 'thaw a'])
    expect(source.acknowledged).toEqual([])
    expect(source.inventory()).toEqual(['a', 'b', 'c'])
  })

  test.for(['put', 'get', 'list', 'stat', 'remove'] as const)(
    'for a moment in %s is tried again',
    async (operation) => {
      const inner = memoryTarget()
      await init({ name: 't', plugin: inner })
      const target = { name: 't', plugin: faultyTarget(inner, failNth({ operation, nth: 1 })) }
      const report = await run(oneMachine(), [target])
      expect(report.status).toBe('done')
      expect((await verify({ name: 't', plugin: inner })).damage).toEqual([])
    },
  )

  test('for good is not tried again', async () => {
    const inner = memoryTarget()
    await init({ name: 't', plugin: inner })
    let calls = 0
    const denied: Fault = {
      before: ({ operation, subject }) => {
        if (operation !== 'put' || !subject.startsWith('packs/')) return
        calls++
        throw new BackupError('E_TARGET_DENIED', 'The bucket takes no writes.')
      },
    }
    const report = await run(oneMachine(), [{ name: 't', plugin: faultyTarget(inner, denied) }])
    expect(report.machines[0]?.error?.code).toBe('E_TARGET_DENIED')
    // One pack of data and one of tree nodes, each tried once.
    expect(calls).toBeLessThanOrEqual(2)
  })

  test('to keep up holds the source back: what is read ahead is bounded', async () => {
    const inner = memoryTarget()
    await init({ name: 't', plugin: inner })
    const open = Promise.withResolvers<void>()
    const stuck: Fault = {
      before: ({ operation, subject }) =>
        operation === 'put' && subject.startsWith('packs/') ? open.promise : undefined,
    }
    const sizeBytes = 128 * 2 ** 20
    let readBytes = 0
    const source = memorySource({
      machines: [{ name: 'm', disks: { d: cheapImage(sizeBytes, (length) => (readBytes += length)) } }],
    })
    const running = run(source, [{ name: 't', plugin: faultyTarget(inner, stuck) }])
    for (let before = -1; before !== readBytes || readBytes === 0; ) {
      before = readBytes
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
    const ahead = readBytes
    open.resolve()
    expect((await running).status).toBe('done')
    expect(ahead).toBeGreaterThan(0)
    expect(ahead).toBeLessThan(100 * 2 ** 20)
  })
})
