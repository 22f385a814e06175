import { AssertionError } from 'node:assert'
import { type ErrorCode, isBackupError } from '@holdfast/core'

/** How long a call may take to answer an abort. */
const soonMs = 3_000

/** Fails the check unless `condition` holds. */
export function expectThat(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message)
}

/** Fails the check. */
export function fail(message: string, cause?: unknown): never {
  const error = new AssertionError({ message })
  if (cause !== undefined) error.cause = cause
  throw error
}

/** Fails unless two values have equal JSON. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  expectThat(got === wanted, `${what}: got ${shortened(got)}, expected ${shortened(wanted)}.`)
}

/** Fails at the first byte that differs. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  expectThat(actual.length === expected.length, `${what}: got ${actual.length} bytes, expected ${expected.length}.`)
  if (Buffer.from(actual.buffer, actual.byteOffset, actual.length).equals(expected)) return
  const at = actual.findIndex((byte, index) => byte !== expected[index])
  fail(`${what}: byte ${at} is ${actual[at]}, expected ${expected[at]}.`)
}

/**
 * Fails unless the call rejects with a BackupError of one of `codes`.
 *
 * `E_TARGET_*` stands for every code that starts so, and then for vendors' own codes too.
 */
export async function expectBackupError(
  call: Promise<unknown>,
  codes: readonly (ErrorCode | `${string}*`)[],
  what: string,
): Promise<void> {
  const outcome = await settled(call, what)
  if (outcome.resolved) fail(`${what}: it succeeded, expected ${codes.join(' or ')}.`)
  const { error } = outcome
  if (!isBackupError(error)) fail(`${what}: it threw ${describeError(error)}, which is not a BackupError.`, error)
  const fits = codes.some((code) =>
    code.endsWith('*')
      ? error.code.startsWith(code.slice(0, -1)) || error.code.startsWith('E_X_')
      : code === error.code,
  )
  if (!fits) fail(`${what}: it threw ${error.code} (${error.message}), expected ${codes.join(' or ')}.`, error)
}

/** Fails unless the call rejects, soon, with the reason of an aborted signal. */
export async function expectAborted(call: Promise<unknown>, signal: AbortSignal, what: string): Promise<void> {
  const outcome = await settled(call, what)
  if (outcome.resolved) fail(`${what}: it succeeded although it was aborted.`)
  const reason = `${what}: it threw ${describeError(outcome.error)}, expected the signal's reason.`
  if (outcome.error !== signal.reason) fail(reason, outcome.error)
}

/** How a call ended. */
export type Outcome = { readonly resolved: true } | { readonly resolved: false; readonly error: unknown }

/** Waits for a call that must end soon, whichever way. */
export async function settled(call: Promise<unknown>, what: string, withinMs = soonMs): Promise<Outcome> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const timer = setTimeout(resolve, withinMs, 'late')
  const ended = call.then(
    (): Outcome => ({ resolved: true }),
    (error: unknown): Outcome => ({ resolved: false, error }),
  )
  const outcome = await Promise.race([ended, late])
  clearTimeout(timer)
  if (outcome === 'late') fail(`${what}: no answer within ${withinMs / 1000} s.`)
  return outcome
}

/** A thrown value in one line, with what hides behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? String(error)
  const code = isBackupError(error) ? `${error.code} ` : ''
  return `${code}${error.name}: ${error.message}`
}

function shortened(text: string | undefined): string {
  if (text === undefined) return 'undefined'
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`
}
