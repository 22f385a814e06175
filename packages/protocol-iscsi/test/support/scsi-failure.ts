import { expect } from 'vitest'
import { type CommandOptions, isScsiError, type ScsiError, type ScsiErrorCode } from '../../src/scsi/index.js'

/** Options of commands that nobody aborts. */
export const calm: CommandOptions = { signal: new AbortController().signal }

/** Expects a command to fail with a code, and returns the error. */
export async function failure(command: Promise<unknown>, code: ScsiErrorCode): Promise<ScsiError> {
  const error = await command.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isScsiError(error)) throw new Error(`Not a ScsiError but ${error}`, { cause: error })
  expect(error).toMatchObject({ code })
  return error
}

/** Bytes of hexadecimal digits; blanks are for reading. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'))
}
