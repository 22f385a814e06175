import type { SecretValue } from '@holdfast/core'
import { type MoRef, runInGuest, type VimSession } from '@holdfast/protocol-vim'
import { fromVsphere, sourceError } from '../errors.js'

/** Programs of a guest, and who runs them. */
export interface GuestPrograms {
  readonly session: VimSession
  readonly machine: string
  readonly moRef: MoRef
  readonly user: string
  readonly password: SecretValue
  readonly preFreeze: string | undefined
  readonly postThaw: string | undefined
  readonly timeoutMs: number
}

/**
 * Runs a snapshot between the two programs, as VMware Consolidated Backup did. The second runs whatever came of the first and of the snapshot.
 *
 * @throws BackupError `E_FREEZE`, `E_THAW`, what the work throws
 */
export async function betweenScripts<T>(
  programs: GuestPrograms | undefined,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  if (programs === undefined) return await work()
  let failure: { readonly error: unknown } | undefined
  let result: { readonly value: T } | undefined
  try {
    await run(programs, programs.preFreeze, 'E_FREEZE', signal)
    result = { value: await work() }
  } catch (error) {
    failure = { error }
  }
  try {
    // Without the signal: who was frozen must be thawed.
    await run(programs, programs.postThaw, 'E_THAW', undefined)
  } catch (error) {
    failure ??= { error }
  }
  if (failure !== undefined) throw failure.error
  if (result === undefined) throw new TypeError('neither result nor failure')
  return result.value
}

async function run(
  { session, machine, moRef, user, password, timeoutMs }: GuestPrograms,
  path: string | undefined,
  code: 'E_FREEZE' | 'E_THAW',
  signal: AbortSignal | undefined,
): Promise<void> {
  if (path === undefined) return
  const login = { user, password: password.reveal() }
  const exitCode = await fromVsphere({ operation: 'take', machine }, () =>
    runInGuest(session, moRef, login, { path, arguments: '' }, { signal, timeoutMs }),
  )
  if (exitCode === 0) return
  throw sourceError(code, `${path} in the guest of machine '${machine}' ended with ${exitCode}.`, {
    operation: 'source.take',
    context: { machine, exitCode },
    hint: 'What it has to say is in the guest.',
  })
}
