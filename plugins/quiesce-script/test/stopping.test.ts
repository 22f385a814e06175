import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { call, hookOf, isRunning, machine, pidIn } from './support/harness.js'

const elapsed = async (work: Promise<unknown>) => {
  const start = performance.now()
  await work
  return performance.now() - start
}

describe('a command that takes too long', () => {
  it('is ended with all that it started', async () => {
    const { session, folder } = await hookOf(
      { freeze: 'sleep 1000 & echo $! > child; echo $$ > self; echo waiting; wait' },
      { timeout: '300ms' },
    )
    const took = await elapsed(
      expect(session.freeze(machine, call)).rejects.toMatchObject({
        code: 'E_TIMEOUT',
        operation: 'quiesce.freeze',
        context: { timeoutMs: 300, output: 'waiting' },
        message: expect.stringMatching(/longer than 300 ms and was ended: waiting\.$/),
      }),
    )
    expect(took).toBeLessThan(1500)
    expect(await isRunning(await pidIn(folder, 'self'))).toBe(false)
    expect(await isRunning(await pidIn(folder, 'child'))).toBe(false)
  })

  it('is killed when it and its child ignore TERM', async () => {
    const stubborn =
      'trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & echo $! > child; echo $$ > self; while :; do sleep 1; done'
    const { session, folder } = await hookOf({ thaw: stubborn }, { timeout: '200ms' })
    const took = await elapsed(
      expect(session.thaw(machine, call)).rejects.toMatchObject({ code: 'E_TIMEOUT', operation: 'quiesce.thaw' }),
    )
    expect(took).toBeGreaterThan(2000)
    expect(took).toBeLessThan(4000)
    expect(await isRunning(await pidIn(folder, 'self'))).toBe(false)
    expect(await isRunning(await pidIn(folder, 'child'))).toBe(false)
  })

  it('is killed when only its child ignores TERM', async () => {
    const { session, folder } = await hookOf(
      { freeze: '(trap "" TERM; while :; do sleep 1; done) & echo $! > child; wait' },
      { timeout: '200ms' },
    )
    await expect(session.freeze(machine, call)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect(await isRunning(await pidIn(folder, 'child'))).toBe(false)
  })

  it('may tidy up on TERM', async () => {
    const { session, read } = await hookOf(
      { freeze: 'trap "echo tidy > log; exit 0" TERM; sleep 1000 & wait' },
      { timeout: '300ms' },
    )
    await expect(session.freeze(machine, call)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect(await read('log')).toBe('tidy\n')
  })
})

describe('an abort', () => {
  it('ends the command and all that it started, then throws the reason', async () => {
    const { session, folder } = await hookOf({ freeze: 'sleep 1000 & echo $! > child; wait' })
    const controller = new AbortController()
    const frozen = session.freeze(machine, { signal: controller.signal })
    const child = await pidIn(folder, 'child')
    const reason = new Error('stop now')
    controller.abort(reason)
    expect(await elapsed(expect(frozen).rejects.toBe(reason))).toBeLessThan(1000)
    expect(await isRunning(child)).toBe(false)
  })

  it('that came before starts nothing', async () => {
    const { session, read } = await hookOf({ freeze: 'echo ran > log' })
    await expect(session.freeze(machine, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    await sleep(50)
    await expect(read('log')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a command that leaves a process in the background', () => {
  it('is done when it exits, and the process goes on', async () => {
    const { session, folder } = await hookOf({ freeze: 'sleep 30 & echo $! > child; echo locked' }, { timeout: '10s' })
    const took = await elapsed(session.freeze(machine, call).then((result) => expect(result.detail).toBe('locked')))
    expect(took).toBeLessThan(3000)
    const child = await pidIn(folder, 'child')
    expect(await isRunning(child)).toBe(true)
    process.kill(child)
  })

  it('does not slow down a command without one', async () => {
    const { session } = await hookOf({})
    expect(await elapsed(session.freeze(machine, call))).toBeLessThan(150)
  })
})
