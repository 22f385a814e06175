import { describe, expect, it } from 'vitest'
import { createBudget } from '../src/budget.js'

describe('budget', () => {
  it('lends up to its total, and then in the order of asking', async () => {
    const budget = createBudget(10)
    expect(budget.acquire(6)).toBeUndefined()
    const order: string[] = []
    const large = budget.acquire(9)?.then(() => order.push('large'))
    const small = budget.acquire(1)?.then(() => order.push('small'))
    expect([large, small]).not.toContain(undefined)
    budget.release(6)
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
    expect(budget.used()).toBe(10)
  })

  it('lends more than the whole to one alone', async () => {
    const budget = createBudget(10)
    expect(budget.acquire(50)).toBeUndefined()
    const next = budget.acquire(1)
    expect(next).toBeDefined()
    budget.release(50)
    await next
    expect(budget.used()).toBe(1)
  })

  it('lets those go who gave up, and those on who waited behind them', async () => {
    const budget = createBudget(10)
    expect(budget.acquire(5)).toBeUndefined()
    const abort = new AbortController()
    const large = budget.acquire(9, abort.signal)
    const small = budget.acquire(2)
    abort.abort(new Error('Enough.'))
    await expect(large).rejects.toThrow('Enough.')
    await small
    expect(budget.used()).toBe(7)
  })
})
