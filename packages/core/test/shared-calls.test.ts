import { describe, expect, test } from 'vitest'
import { sharedCalls } from '../src/engine/shared-calls.js'

const options = { signal: new AbortController().signal }

/** A call that ends when it is told to, or when it is ended. */
function heldCall() {
  const outcome = Promise.withResolvers<string>()
  const signals: AbortSignal[] = []
  const start = ({ signal }: { readonly signal: AbortSignal }) => {
    signals.push(signal)
    signal.addEventListener('abort', () => outcome.reject(signal.reason))
    return outcome.promise
  }
  return { start, outcome, signals }
}

describe('shared calls', () => {
  test('are made once for all who ask at the same time, and again for who asks later', async () => {
    const calls = sharedCalls<string>()
    const { start, outcome, signals } = heldCall()
    const both = Promise.all([calls.join('a', start, options), calls.join('a', start, options)])
    expect([signals.length, calls.has('a'), calls.has('b')]).toEqual([1, true, false])
    outcome.resolve('done')
    expect(await both).toEqual(['done', 'done'])
    expect(calls.has('a')).toBe(false)
    await calls.join('a', start, options)
    expect(signals.length).toBe(2)
  })

  test('tell everybody of a failure, and forget it', async () => {
    const calls = sharedCalls<string>()
    const { start, outcome } = heldCall()
    const both = Promise.allSettled([calls.join('a', start, options), calls.join('a', start, options)])
    outcome.reject(new Error('broken'))
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await calls.join('a', async () => 'fine', options)).toBe('fine')
  })

  test('go on for the others when one leaves', async () => {
    const calls = sharedCalls<string>()
    const { start, outcome, signals } = heldCall()
    const leaving = new AbortController()
    const left = calls.join('a', start, leaving)
    const stays = calls.join('a', start, options)
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    expect(signals[0]?.aborted).toBe(false)
    outcome.resolve('done')
    expect(await stays).toBe('done')
  })

  test('end when the last has left, and are made anew for the next', async () => {
    const calls = sharedCalls<string>()
    const { start, signals } = heldCall()
    const [one, two] = [new AbortController(), new AbortController()]
    const both = Promise.allSettled([calls.join('a', start, one), calls.join('a', start, two)])
    one.abort()
    expect(signals[0]?.aborted).toBe(false)
    two.abort()
    expect(signals[0]?.aborted).toBe(true)
    expect(await calls.join('a', async () => 'anew', options)).toBe('anew')
    await both
  })

  test('are all ended by closing, which waits for them and lets no more begin', async () => {
    const calls = sharedCalls<string>()
    const ended: string[] = []
    const slow = ({ signal }: { readonly signal: AbortSignal }) =>
      new Promise<string>((_, reject) => {
        const end = () =>
          setImmediate(() => {
            ended.push('slow')
            reject(signal.reason)
          })
        signal.addEventListener('abort', end)
      })
    const leaving = new AbortController()
    const left = calls.join('a', slow, leaving).catch(() => 'left')
    leaving.abort()
    const waiting = calls.join('b', slow, options).catch(String)
    await calls.close(new Error('closed'))
    expect(ended).toEqual(['slow', 'slow'])
    expect([await left, await waiting]).toEqual(['left', 'Error: closed'])
    await expect(calls.join('c', async () => 'late', options)).rejects.toThrow('closed')
  })

  test('do not begin for who has left already', async () => {
    const { start, signals } = heldCall()
    await expect(
      sharedCalls<string>().join('a', start, { signal: AbortSignal.abort(new Error('gone')) }),
    ).rejects.toThrow('gone')
    expect(signals).toEqual([])
  })
})
