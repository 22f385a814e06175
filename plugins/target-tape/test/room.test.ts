import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { room } from '../src/writing/room.js'

const never = { signal: new AbortController().signal }

/** Takes, and tells in `log` when it was let in. */
async function taking(of: ReturnType<typeof room>, name: string, bytes: number, log: string[], options = never) {
  await of.take(bytes, options)
  log.push(name)
}

describe('room', () => {
  it('lets in what fits, and the rest in the order in which it was asked for', async () => {
    const log: string[] = []
    const of = room(10)
    const all = [taking(of, 'a', 6, log), taking(of, 'b', 5, log), taking(of, 'small, later', 1, log)]
    await setImmediate()
    expect(log).toEqual(['a'])
    of.give(6)
    await Promise.all(all)
    expect(log).toEqual(['a', 'b', 'small, later'])
  })

  it('lets in alone what is larger than all of it', async () => {
    const log: string[] = []
    const of = room(10)
    const all = [taking(of, 'a', 1, log), taking(of, 'huge', 99, log), taking(of, 'c', 1, log)]
    await setImmediate()
    expect(log).toEqual(['a'])
    of.give(1)
    await setImmediate()
    expect(log).toEqual(['a', 'huge'])
    of.give(99)
    await Promise.all(all)
    expect(log).toEqual(['a', 'huge', 'c'])
  })

  it('lets the next one in when the first does not wait any longer', async () => {
    const log: string[] = []
    const of = room(10)
    const giveUp = new AbortController()
    const first = taking(of, 'a', 6, log)
    const second = taking(of, 'b', 6, log, { signal: giveUp.signal })
    const third = taking(of, 'c', 4, log)
    await first
    giveUp.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    await third
    expect(log).toEqual(['a', 'c'])
  })

  it('takes nothing for whoever had given up before', async () => {
    const of = room(10)
    await expect(of.take(10, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
    await of.take(10, never)
  })
})
