import { describe, expect, it } from 'vitest'
import type { AcmeStatus } from '../src/acme-client.js'
import { translated } from '../src/errors.js'

const signal = new AbortController().signal
const where = { operation: 'put', subject: 'packs/ab/cd', signal }

describe('a refusal of the vault', () => {
  it.each<[AcmeStatus, string, string]>([
    [401, 'E_TARGET_DENIED', 'never'],
    [404, 'E_OBJECT_NOT_FOUND', 'never'],
    [409, 'E_OBJECT_EXISTS', 'never'],
    [503, 'E_TARGET_UNAVAILABLE', 'transient'],
    [507, 'E_TARGET_FULL', 'never'],
  ])('with status %i becomes %s, to be retried: %s', (status, code, retry) => {
    const cause = Object.assign(new Error('the vault says no'), { status })
    expect(translated(cause, where)).toMatchObject({
      code,
      retry,
      cause,
      plugin: 'acme',
      operation: 'target.put',
      context: { subject: 'packs/ab/cd' },
      hint: expect.stringMatching(/\.$/),
    })
  })
})

it('passes on what is not of the vault as it is: the body of a put has errors of its own', () => {
  const error = new Error('the disk cannot be read')
  expect(translated(error, where)).toBe(error)
})

it('reports an abort as the reason that was given for it', () => {
  const reason = new Error('enough')
  expect(translated(new Error('socket closed'), { ...where, signal: AbortSignal.abort(reason) })).toBe(reason)
})
