import { expect } from 'vitest'
import { isNbdError, type NbdErrorCode } from '../../src/index.js'

/** Expects a promise to reject with an NbdError of that code, and returns what else it says. */
export async function rejection(promise: Promise<unknown>, code: NbdErrorCode) {
  const error: unknown = await promise.then(
    () => new Error('It did not reject.'),
    (reason: unknown) => reason,
  )
  if (!isNbdError(error)) throw error
  expect(error.code).toBe(code)
  return { errno: error.errno, offset: error.offset, message: error.message }
}
