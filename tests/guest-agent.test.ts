import { join } from 'node:path'
import { type FakeGuestAgentOptions, fakeFailure, fakeGuestAgent } from '@holdfast/protocol-qmp/testing'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lab } from './support/lab.js'
import { withTake } from './support/sources.js'

const { init, run, points } = lab({ workers: 1 })

async function site(options: FakeGuestAgentOptions = {}, maxFreeze = '20s') {
  const { path: folder } = tempFolder(onTestFinished)
  const agent = fakeGuestAgent(options)
  await agent.listen(join(folder, 'web.agent'))
  onTestFinished(async () => {
    await agent[Symbol.asyncDispose]()
  })
  const target = { name: 't', plugin: memoryTarget() }
  await init(target)
  const source = memorySource({ machines: [{ name: 'web', disks: { d: seededBytes(200_000, 1) } }] })
  const hook = guestAgentQuiesce({ socket: join(folder, '{name}.agent'), timeout: '2s', maxFreeze })
  return { agent, target, source, hook }
}

describe('a run with the guest agent hook', () => {
  test('captures while the guest is frozen, and the point says what was reached', async () => {
    const { agent, target, source, hook } = await site()
    const states: string[] = []
    const watched = withTake(source, (prepared, call) => {
      states.push(agent.freezeState())
      return prepared.take(call)
    })
    const report = await run(watched, [target], { quiesce: [hook] })
    expect(report.machines[0]).toMatchObject({ status: 'done', consistency: 'filesystem' })
    expect([...states, agent.freezeState()]).toEqual(['frozen', 'thawed'])
    const [entry] = await points(target)
    expect(entry?.point.quiesce).toMatchObject([{ hook: 'guest-agent', consistency: 'filesystem' }])
  })

  test('stores nothing of a guest that something else thaws during the capture', async () => {
    const { agent, target, source, hook } = await site()
    const disturbed = withTake(source, async (prepared, call) => {
      agent.connect().write(`${JSON.stringify({ execute: 'guest-fsfreeze-thaw' })}\n`)
      while (agent.freezeState() === 'frozen') await new Promise(setImmediate)
      return prepared.take(call)
    })
    const report = await run(disturbed, [target], { quiesce: [hook] })
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_THAW' } })
    expect(await points(target)).toEqual([])
  })

  test('goes on without a freeze where a failure may degrade it, and thaws', async () => {
    const { agent, target, source, hook } = await site({
      answers: { 'guest-fsfreeze-freeze': fakeFailure('hook has failed') },
    })
    const report = await run(source, [target], { quiesce: [hook], onQuiesceFailure: 'degrade' })
    expect(report.machines[0]).toMatchObject({ consistency: 'crash' })
    expect(agent.calls.map(({ command }) => command)).toContain('guest-fsfreeze-thaw')
    const [entry] = await points(target)
    expect(entry?.point.quiesce[0]?.failure).toContain('hook has failed')
  })
})
