import { readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type FakeGuestAgentOptions, fakeGuestAgent } from '@holdfast/protocol-qmp/testing'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readFromGuard, readToGuard } from '../src/guard-messages.js'
import { commands, until } from './support/harness.js'
import { isRunning, startOwner } from './support/owner.js'

async function agentAt(options: FakeGuestAgentOptions = {}) {
  const path = tempFolder(onTestFinished).at('agent')
  const agent = fakeGuestAgent(options)
  onTestFinished(() => agent[Symbol.asyncDispose]())
  await agent.listen(path)
  return { agent, path }
}

describe('a run that dies', () => {
  it('while the guest is frozen leaves it thawed, and no process', async () => {
    const { agent, path } = await agentAt()
    const owner = await startOwner(path, '1h', 'frozen')
    expect(agent.freezeState()).toBe('frozen')
    owner.kill('SIGKILL')
    await until(() => agent.freezeState() === 'thawed', 2000)
    await until(async () => !(await isRunning(owner.guard)))
  })

  it('while the guest freezes leaves it thawed', async () => {
    const { agent, path } = await agentAt({ answers: { 'guest-fsfreeze-freeze': () => delay(500, 2) } })
    const owner = await startOwner(path, '1h', 'begun')
    await until(() => commands(agent).includes('freeze'))
    owner.kill('SIGKILL')
    await until(() => commands(agent).includes('thaw'))
    await until(async () => !(await isRunning(owner.guard)))
  })

  it('before the guest freezes leaves no process', async () => {
    const { agent, path } = await agentAt({ isStarted: false })
    const owner = await startOwner(path, '1h', 'begun')
    owner.kill('SIGKILL')
    await until(async () => !(await isRunning(owner.guard)))
    expect(commands(agent)).toEqual([])
  })
})

describe('a run that stops', () => {
  it('does not keep the guest frozen for longer than it may be', async () => {
    const { agent, path } = await agentAt()
    const owner = await startOwner(path, '800ms', 'frozen')
    owner.kill('SIGSTOP')
    await until(() => agent.freezeState() === 'thawed', 3000)
    await until(async () => !(await isRunning(owner.guard)))
    owner.kill('SIGCONT')
  })
})

describe('a guard', () => {
  it('has no secrets of its run, and a session of its own: Ctrl-C does not reach it', async () => {
    const { agent, path } = await agentAt()
    const owner = await startOwner(path, '1h', 'frozen')
    // Node adds what tells a child of its channel.
    const environment = readFileSync(`/proc/${owner.guard}/environ`, 'utf8')
      .split('\0')
      .filter((line) => line !== '')
    expect(environment.filter((line) => !line.startsWith('NODE_CHANNEL_'))).toEqual([])
    expect(readlinkSync(`/proc/${owner.guard}/cwd`)).toBe('/')
    const stat = readFileSync(`/proc/${owner.guard}/stat`, 'latin1')
    const [, , group, sessionId] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    expect([group, sessionId]).toEqual([owner.guard, owner.guard])
    owner.kill('SIGKILL')
    await until(() => agent.freezeState() === 'thawed')
  })

  it('takes nothing for a message that is none', () => {
    const request = { path: '/a', answerMs: 1, patienceMs: 1, deadlineMs: 1 }
    expect(readToGuard({ kind: 'freeze', request, more: 1 })).toEqual({ kind: 'freeze', request })
    const wrong = [null, [], 'thaw', { kind: 'freeze' }, { kind: 'freeze', request: { ...request, answerMs: -1 } }]
    const more = [
      { ...request, path: 1 },
      { ...request, mountpoints: [1] },
      { ...request, deadlineMs: 2 ** 31 },
    ]
    for (const value of [...wrong, ...more.map((request) => ({ kind: 'freeze', request }))]) {
      expect(readToGuard(value)).toBeUndefined()
    }
    expect(readFromGuard({ kind: 'thawed', cause: 'asked' })).toEqual({ kind: 'thawed', cause: 'asked' })
    for (const value of [
      { kind: 'thawed' },
      { kind: 'frozen' },
      { kind: 'failed', failure: {} },
      { kind: 'else' },
      7,
    ]) {
      expect(readFromGuard(value)).toBeUndefined()
    }
  })
})
