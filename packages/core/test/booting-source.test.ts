import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { BootProbe } from '../src/contract/boot.js'
import type { ProvisionedMachine } from '../src/contract/source.js'
import { disposedInTime, startMachine } from '../src/engine/booting-source.js'

const probe: BootProbe = { kind: 'agent', timeoutMs: 50 }
const call = { signal: new AbortController().signal }

function machineThat(boot: NonNullable<ProvisionedMachine['boot']>): ProvisionedMachine {
  return {
    disks: [],
    location: 'nowhere',
    commit: async () => undefined,
    boot,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

describe('a source that does not answer', () => {
  test('is given up, and a machine that comes up later is stopped', async () => {
    const stopped = Promise.withResolvers<string>()
    const deaf = machineThat(async () => {
      await sleep(300)
      return { bootMs: 1, evidence: 'late', [Symbol.asyncDispose]: async () => stopped.resolve('stopped') }
    })
    await expect(startMachine('deaf', deaf, probe, call, 50)).rejects.toMatchObject({
      code: 'E_TIMEOUT',
      plugin: 'deaf',
      message: expect.stringContaining('0.1 s'),
    })
    await expect(stopped.promise).resolves.toBe('stopped')
  })

  test('when a machine is to go is given up too', async () => {
    const stuck = { [Symbol.asyncDispose]: () => new Promise<void>(() => undefined) }
    await expect(disposedInTime('stuck', stuck, 50)[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    const failing = { [Symbol.asyncDispose]: () => Promise.reject(new Error('its own')) }
    await expect(disposedInTime('failing', failing, 50)[Symbol.asyncDispose]()).rejects.toThrow('its own')
  })

  test('tells the abort of its caller from that', async () => {
    const abort = new AbortController()
    const deaf = machineThat(() => new Promise(() => undefined))
    const starting = startMachine('deaf', deaf, { ...probe, timeoutMs: 60_000 }, { signal: abort.signal }, 50)
    abort.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
  })

  test('is waited for while it stops what it started', async () => {
    const abort = new AbortController()
    let isStopped = false
    const tidy = machineThat(async (_, { signal }) => {
      while (!signal.aborted) await sleep(5)
      await sleep(50)
      isStopped = true
      throw signal.reason
    })
    const starting = startMachine('tidy', tidy, { ...probe, timeoutMs: 60_000 }, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
    expect(isStopped).toBe(true)
  })
})
