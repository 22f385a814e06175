import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MachineRef } from '@holdfast/core'
import { fakeFailure, fakeGuestAgent, noAnswer } from '@holdfast/protocol-qmp/testing'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, it, onTestFinished } from 'vitest'
import { call, commands, errorOf, guardsOf, hookOf, machine, openHook, until } from './support/harness.js'
import { scriptedGuest } from './support/scripted-guest.js'

describe('a freeze', () => {
  it('asks first, freezes, and says how many file systems are frozen when they are', async () => {
    const { agent, session } = await hookOf()
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'filesystem', detail: '2 file systems frozen' })
    expect(agent.freezeState()).toBe('frozen')
    expect(commands(agent)).toEqual(['status', 'freeze', 'status'])
    await session.thaw(machine, call)
    expect(agent.freezeState()).toBe('thawed')
    expect(commands(agent).slice(3)).toEqual(['thaw', 'status'])
  })

  it('reaches what the operator says, and freezes only what the options list', async () => {
    const { agent, session } = await hookOf({}, { consistency: 'application', mountpoints: ['/mnt'] })
    expect(await session.freeze(machine, call)).toEqual({ consistency: 'application', detail: '1 file system frozen' })
    expect(agent.calls[1]).toEqual({ command: 'guest-fsfreeze-freeze-list', args: { mountpoints: ['/mnt'] } })
    await session.thaw(machine, call)
  })

  it('of a guest whose hook fails tells its words, and the guest is thawed', async () => {
    const refusal = fakeFailure('fsfreeze hook has failed with status 1')
    const { agent, session } = await hookOf({ answers: { 'guest-fsfreeze-freeze': refusal } })
    const error = await errorOf(session.freeze(machine, call))
    expect(error).toMatchObject({ code: 'E_FREEZE', plugin: 'guest-agent', operation: 'quiesce.freeze' })
    expect(error.message).toContain("machine 'db' could not be frozen")
    expect(error.message).toContain('hook has failed with status 1.')
    expect(error.hint).toContain('freeze hooks')
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['status', 'freeze', 'thaw', 'status'])
  })

  it('of a guest that is frozen already fails, and leaves that guest to whoever froze it', async () => {
    const { agent, session } = await hookOf({ answers: { 'guest-fsfreeze-status': 'frozen' } })
    const error = await errorOf(session.freeze(machine, call))
    expect(error).toMatchObject({ code: 'E_FREEZE', hint: expect.stringContaining("'holdfast doctor --thaw'") })
    expect(error.message).toContain('frozen already, and not by this run')
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['status'])
  })

  it.each([
    ['no file system', { 'guest-fsfreeze-freeze': 0 }, {}, 'no file system to freeze'],
    [
      'fewer than the options list',
      { 'guest-fsfreeze-freeze-list': 1 },
      { mountpoints: ['/', '/mnt'] },
      '1 of the 2 file systems',
    ],
    ['what is not frozen then', { 'guest-fsfreeze-freeze': 2 }, {}, 'says that it is not frozen'],
    ['nonsense', { 'guest-fsfreeze-freeze': 'many' }, {}, 'number of frozen file systems'],
  ])('that freezes %s fails, and thaws', async (_, answers, options, message) => {
    const { agent, session } = await hookOf({ answers }, options)
    const error = await errorOf(session.freeze(machine, call))
    expect(error).toMatchObject({ code: 'E_FREEZE', message: expect.stringContaining(message) })
    await session.thaw(machine, call)
    expect(commands(agent).filter((command) => command === 'thaw')).toHaveLength(1)
  })

  it('whose answer is lost fails in time, and the guest that froze all the same is thawed', async () => {
    const guest = scriptedGuest({ freeze: (go) => [go(), noAnswer][1] })
    const { agent, session } = await hookOf({ answers: guest.answers }, { maxFreeze: '500ms' })
    const startedAt = performance.now()
    const error = await errorOf(session.freeze(machine, call))
    expect(error).toMatchObject({ code: 'E_TIMEOUT', message: expect.stringContaining('within 500 ms') })
    expect(performance.now() - startedAt).toBeLessThan(5000)
    // Nobody asks for the thaw: the guard knows.
    await until(() => guest.state() === 'thawed')
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['status', 'freeze', 'thaw', 'status'])
  })

  it('whose connection breaks fails, and the guest is thawed over a new one', async () => {
    let cut = () => {}
    const answers = {
      'guest-fsfreeze-freeze': () => {
        setTimeout(() => cut(), 10)
        return noAnswer
      },
    }
    const { agent, session } = await hookOf({ answers })
    cut = agent.cut
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({ code: 'E_FREEZE' })
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['status', 'freeze', 'thaw', 'status'])
  })

  it('of a guest without an agent, of a socket that is not there and of a machine without one fails; no thaw is needed', async () => {
    const { session } = await hookOf({ isStarted: false }, { timeout: '300ms' })
    const silent = await errorOf(session.freeze(machine, call))
    expect(silent).toMatchObject({ code: 'E_TIMEOUT', hint: expect.stringContaining('qemu-guest-agent') })
    await session.thaw(machine, call)

    const nowhere = await openHook(tempFolder(onTestFinished).path)
    expect(await errorOf(nowhere.freeze(machine, call))).toMatchObject({
      code: 'E_FREEZE',
      message: expect.stringContaining('db.agent cannot be connected to'),
    })
    await nowhere.thaw(machine, call)

    const unknown = await openHook(tempFolder(onTestFinished).path, { sockets: { other: '/run/other.agent' } })
    expect(await errorOf(unknown.freeze(machine, call))).toMatchObject({ code: 'E_FREEZE' })
    await unknown.thaw(machine, call)
  })

  it('that is aborted rejects with the reason, and thaws', async () => {
    const { agent, session } = await hookOf({ answers: { 'guest-fsfreeze-freeze': () => delay(700, 2) } })
    const abort = new AbortController()
    const freezing = session.freeze(machine, { signal: abort.signal })
    await until(() => agent.calls.length === 2)
    abort.abort(new Error('enough'))
    await expect(freezing).rejects.toThrow('enough')
    await until(() => commands(agent).includes('thaw'))
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['status', 'freeze', 'thaw', 'status'])
  })

  it('is refused for a machine that is frozen by this session', async () => {
    const { session } = await hookOf()
    await session.freeze(machine, call)
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({
      code: 'E_FREEZE',
      message: expect.stringContaining('not thawed from the freeze before'),
    })
    await session.thaw(machine, call)
    await session.freeze(machine, call)
    await session.thaw(machine, call)
  })

  it('of several machines at once uses the socket of each', async () => {
    const folder = tempFolder(onTestFinished).path
    await using first = fakeGuestAgent({ fileSystems: 3 })
    await using second = fakeGuestAgent({ fileSystems: 4 })
    await first.listen(join(folder, 'first'))
    await second.listen(join(folder, 'second'))
    const session = await openHook(folder, { sockets: { one: 'first', 'id-2': 'second', two: 'wrong' } })
    const machines: MachineRef[] = [
      { id: 'id-1' as MachineRef['id'], name: 'one' },
      { id: 'id-2' as MachineRef['id'], name: 'two' },
    ]
    const frozen = await Promise.all(machines.map((each) => session.freeze(each, call)))
    expect(frozen.map(({ detail }) => detail)).toEqual(['3 file systems frozen', '4 file systems frozen'])
    await Promise.all(machines.map((each) => session.thaw(each, call)))
    expect([first.freezeState(), second.freezeState()]).toEqual(['thawed', 'thawed'])
  })
})

describe('a thaw', () => {
  it('is tried again over a new connection, and leaves no process behind', async () => {
    let tries = 0
    const guest = scriptedGuest({
      thaw: (go) => {
        tries += 1
        if (tries === 1) setTimeout(() => agent.cut(), 10)
        if (tries === 1) return noAnswer
        return tries === 2 ? fakeFailure('not now') : go()
      },
    })
    const { agent, session } = await hookOf({ answers: guest.answers })
    await session.freeze(machine, call)
    expect(await guardsOf(process.pid)).toHaveLength(1)
    await session.thaw(machine, call)
    expect(guest.state()).toBe('thawed')
    expect(tries).toBe(3)
    await until(async () => (await guardsOf(process.pid)).length === 0)
  })

  it('whose answer was lost is a good one', async () => {
    let tries = 0
    const guest = scriptedGuest({
      thaw: (go) => {
        tries += 1
        if (tries > 1) return go()
        setTimeout(() => agent.cut(), 10)
        return [go(), noAnswer][1]
      },
    })
    const { agent, session } = await hookOf({ answers: guest.answers })
    await session.freeze(machine, call)
    await session.thaw(machine, call)
    expect(tries).toBe(2)
  })

  it('whose hook fails in the guest is told, and not tried again', async () => {
    const refusal = fakeFailure('fsfreeze hook has failed with status 3')
    const guest = scriptedGuest({ thaw: (go) => [go(), refusal][1] })
    const { agent, session } = await hookOf({ answers: guest.answers })
    await session.freeze(machine, call)
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({
      code: 'E_THAW',
      message: expect.stringMatching(/file systems are thawed, but .*status 3\.$/),
    })
    expect(commands(agent).filter((command) => command === 'thaw')).toHaveLength(1)
  })

  it('of a guest that something else has thawed says so: the capture cannot be trusted', async () => {
    const { agent, session } = await hookOf()
    await session.freeze(machine, call)
    const other = agent.connect()
    other.write(`${JSON.stringify({ execute: 'guest-fsfreeze-thaw' })}\n`)
    await until(() => agent.freezeState() === 'thawed')
    other.destroy()
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({
      code: 'E_THAW',
      message: expect.stringContaining('too early, by something else'),
    })
    expect(commands(agent).filter((command) => command === 'thaw')).toHaveLength(2)
  })

  it('that comes after the longest freeze says so; the guest was thawed in time', async () => {
    const { agent, session } = await hookOf({}, { maxFreeze: '600ms' })
    await session.freeze(machine, call)
    await until(() => agent.freezeState() === 'thawed', 3000)
    const error = await errorOf(session.thaw(machine, call))
    expect(error).toMatchObject({ code: 'E_THAW', message: expect.stringContaining('too early, after 600 ms') })
    await session.thaw(machine, call)
  })

  it('of a hung agent fails within three times the timeout, and goes on in the background', async () => {
    const { agent, session } = await hookOf({}, { timeout: '400ms' })
    await session.freeze(machine, call)
    agent.stop()
    const startedAt = performance.now()
    const error = await errorOf(session.thaw(machine, call))
    expect(performance.now() - startedAt).toBeLessThan(3000)
    expect(error).toMatchObject({ code: 'E_THAW', message: expect.stringContaining('1200 ms') })
    expect(error.hint).toContain('guest-fsfreeze-thaw')
    await session[Symbol.asyncDispose]()
    expect(agent.freezeState()).toBe('frozen')
    agent.start()
    await until(() => agent.freezeState() === 'thawed')
    await until(async () => (await guardsOf(process.pid)).length === 0)
  })

  it('without a freeze thaws, and is harmless for a guest that is not frozen', async () => {
    const { agent, session } = await hookOf()
    await session.thaw(machine, call)
    expect(commands(agent)).toEqual(['thaw', 'status'])
  })

  it('without a freeze gives up on an agent that does not answer', async () => {
    const { session } = await hookOf({ isStarted: false }, { timeout: '100ms' })
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({ code: 'E_THAW' })
    const abort = new AbortController()
    const thawing = session.thaw(machine, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(thawing).rejects.toThrow('enough')
  })

  it('of a machine that does not run gives up soon', async () => {
    const session = await openHook(tempFolder(onTestFinished).path, { timeout: '10s' })
    const startedAt = performance.now()
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({ code: 'E_THAW' })
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })

  it('is done by this process when the guard was killed', async () => {
    const { agent, session } = await hookOf()
    await session.freeze(machine, call)
    const [guard = 0] = await guardsOf(process.pid)
    process.kill(guard, 'SIGKILL')
    await until(async () => (await guardsOf(process.pid)).length === 0)
    expect(agent.freezeState()).toBe('frozen')
    await session.thaw(machine, call)
    expect(agent.freezeState()).toBe('thawed')
  })

  it('is done when the session is disposed, and when the guard is told to end', async () => {
    const { agent, session } = await hookOf()
    await session.freeze(machine, call)
    await session[Symbol.asyncDispose]()
    await until(() => agent.freezeState() === 'thawed')

    const again = await hookOf()
    await again.session.freeze(machine, call)
    const [guard = 0] = await guardsOf(process.pid)
    process.kill(guard, 'SIGTERM')
    await until(() => again.agent.freezeState() === 'thawed')
  })
})

describe('a look at a machine', () => {
  it('tells whether it is frozen, and changes nothing', async () => {
    const { agent, session } = await hookOf()
    expect(await session.inspect?.(machine, call)).toBe('thawed')
    await session.freeze(machine, call)
    expect(await session.inspect?.(machine, call)).toBe('frozen')
    await session.thaw(machine, call)
    expect(await session.inspect?.(machine, call)).toBe('thawed')
    expect(commands(agent).filter((command) => command === 'freeze' || command === 'thaw')).toHaveLength(2)
  })

  it('of a guest that another run left frozen tells so; its thaw thaws it', async () => {
    const { agent, session } = await hookOf()
    const other = agent.connect()
    other.write(`${JSON.stringify({ execute: 'guest-fsfreeze-freeze' })}\n`)
    await until(() => agent.freezeState() === 'frozen')
    expect(await session.inspect?.(machine, call)).toBe('frozen')
    await session.thaw(machine, call)
    expect(agent.freezeState()).toBe('thawed')
  })

  it('whose agent is silent or not there fails in time', async () => {
    const { session } = await hookOf({ isStarted: false }, { timeout: '100ms' })
    await expect(session.inspect?.(machine, call)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    const nowhere = await openHook(tempFolder(onTestFinished).path)
    await expect(nowhere.inspect?.(machine, call)).rejects.toMatchObject({
      code: 'E_FREEZE',
      operation: 'quiesce.inspect',
      message: expect.stringContaining('does not tell whether it is frozen'),
    })
  })
})
