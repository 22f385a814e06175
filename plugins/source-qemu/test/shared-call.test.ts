import { describe, expect, it } from 'vitest'
import { sharedCall } from '../src/push/shared-call.js'

/** Work whose end a test decides. */
function controlled() {
  const runs: { readonly signal: AbortSignal; readonly done: () => void; readonly fail: (why: Error) => void }[] = []
  const call = sharedCall(
    (signal) =>
      new Promise<void>((done, fail) => {
        signal.addEventListener('abort', () => fail(signal.reason))
        runs.push({ signal, done, fail })
      }),
  )
  return { runs, call }
}

const never = new AbortController().signal

describe('a shared call', () => {
  it('is made once for all who come, also later', async () => {
    const { runs, call } = controlled()
    const both = [call.join(never), call.join(never)]
    runs[0]?.done()
    await Promise.all([...both, call.join(never)])
    expect(runs.length).toBe(1)
  })

  it('fails for all who come', async () => {
    const { runs, call } = controlled()
    const first = call.join(never)
    runs[0]?.fail(new Error('broken'))
    await expect(first).rejects.toThrow('broken')
    await expect(call.join(never)).rejects.toThrow('broken')
    expect(runs.length).toBe(1)
  })

  it('goes on while anybody waits, is aborted with the last, and begins anew', async () => {
    const { runs, call } = controlled()
    const [one, other] = [new AbortController(), new AbortController()]
    const [first, second] = [call.join(one.signal), call.join(other.signal)]
    one.abort(new Error('one'))
    await expect(first).rejects.toThrow('one')
    expect(runs[0]?.signal.aborted).toBe(false)
    other.abort(new Error('other'))
    await expect(second).rejects.toThrow('other')
    expect(runs[0]?.signal.aborted).toBe(true)
    const third = call.join(never)
    expect(runs.length).toBe(2)
    runs[1]?.done()
    await third
  })

  it('is not begun for an aborted signal, and ends when it is stopped', async () => {
    const { runs, call } = controlled()
    await expect(call.join(AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
    await call.stop()
    expect(runs.length).toBe(0)
    const waiting = expect(call.join(never)).rejects.toThrow()
    await call.stop()
    expect(runs[0]?.signal.aborted).toBe(true)
    await waiting
  })
})
