import { expect } from 'vitest'
import { type IscsiErrorCode, isIscsiError } from '../../src/index.js'

/** Expects a promise to reject with an IscsiError of that code, and returns what else it says. */
export async function rejection(promise: Promise<unknown>, code: IscsiErrorCode) {
  const error: unknown = await promise.then(
    () => new Error('It did not reject.'),
    (reason: unknown) => reason,
  )
  if (!isIscsiError(error)) throw error
  expect(error.code, error.message).toBe(code)
  return { message: error.message, hint: error.hint, loginStatus: error.loginStatus }
}
