import { describe, expect, test } from 'vitest'
import { rangeTurns } from '../src/engine/range-turns.js'

describe('turns on ranges', () => {
  test('that overlap come one after the other in the order of asking; others at once', async () => {
    const turns = rangeTurns()
    const begun: string[] = []
    const gates = new Map<string, () => void>()
    const take = (name: string, from: number, end: number) =>
      turns.take(from, end, async () => {
        begun.push(name)
        await new Promise<void>((resolve) => gates.set(name, resolve))
      })
    const settled = async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
    }
    const all = [take('a', 0, 2), take('b', 1, 3), take('c', 2, 4), take('d', 5, 6)]
    await settled()
    expect(begun).toEqual(['a', 'd'])
    gates.get('a')?.()
    await settled()
    expect(begun).toEqual(['a', 'd', 'b'])
    gates.get('b')?.()
    await settled()
    expect(begun).toEqual(['a', 'd', 'b', 'c'])
    gates.get('c')?.()
    gates.get('d')?.()
    await Promise.all(all)
  })

  test('go on after one that failed', async () => {
    const turns = rangeTurns()
    const failing = turns.take(0, 2, async () => {
      throw new Error('broken')
    })
    const next = turns.take(1, 3, async () => 'done')
    await expect(failing).rejects.toThrow('broken')
    expect(await next).toBe('done')
  })
})
