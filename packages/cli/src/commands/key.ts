import { resolve } from 'node:path'
import { BackupError, type SecretReference } from '@holdfast/core'
import { addKey, type KeyReport, listKeys, revokeKey, rotateKeys } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { renderTable } from '../render/table.js'
import { counted, formatTime } from '../render/units.js'
import { openSession, type Session } from '../session.js'
import { oneTarget, openChosen } from '../target-access.js'

/** Whose keys. */
export interface KeyOptions {
  readonly target?: string
}

/** A new passphrase, by reference. */
export interface KeyAddOptions extends KeyOptions {
  readonly label: string
  readonly passphraseEnv?: string
  readonly passphraseFile?: string
  readonly passphraseCommand?: readonly string[]
}

/** Lists the key slots of a repository. */
export function keyList(invocation: Invocation, options: KeyOptions): Promise<Outcome> {
  return withKeys(invocation, options, async (repository, target) => {
    const report = listKeys(repository)
    invocation.output.document({ target, ...report })
    return report
  })
}

/** Lets another passphrase open a repository. */
export function keyAdd(invocation: Invocation, options: KeyAddOptions): Promise<Outcome> {
  const reference = newPassphrase(options, invocation.cwd)
  return withKeys(invocation, options, async (repository, _, { host }) => {
    const { slots } = listKeys(repository)
    if (slots.some((slot) => slot.label === options.label)) {
      throw usageError(`There is a key slot '${options.label}' already.`, 'Choose another --label.')
    }
    const { signal } = invocation
    const passphrase = await host.resolveSecret(reference, { signal })
    return addKey(repository, passphrase.reveal(), options.label, { signal })
  })
}

/** Encrypts everything from now on with a new data key. */
export function keyRotate(invocation: Invocation, options: KeyOptions): Promise<Outcome> {
  return withKeys(invocation, options, (repository) => rotateKeys(repository, invocation))
}

/** Takes a passphrase's key slot away. */
export function keyRevoke(invocation: Invocation, slot: string, options: KeyOptions): Promise<Outcome> {
  return withKeys(invocation, options, (repository) => {
    const { slots } = listKeys(repository)
    if (!slots.some(({ id, label }) => id === slot || label === slot)) {
      const known = slots.map(({ id, label }) => `${label} (${id})`).join(', ')
      throw usageError(`There is no key slot '${slot}'.`, `Key slots: ${known}.`)
    }
    return revokeKey(repository, slot, invocation)
  })
}

async function withKeys(
  invocation: Invocation,
  { target: given }: KeyOptions,
  action: (repository: Repository, target: string, session: Session) => Promise<KeyReport>,
): Promise<Outcome> {
  const { output } = invocation
  await using session = await openSession(invocation)
  const target = oneTarget(session.config, given)
  await using opened = await openChosen(session, target, invocation)
  const report = await action(opened.repository, target, session)
  output.line(`${target}: ${counted(report.dataKeys, 'data key')}, ${counted(report.slots.length, 'key slot')}`)
  const columns = [{ heading: 'slot' }, { heading: 'label' }, { heading: 'made' }]
  const rows = report.slots.map(({ id, label, createdAt }) => [id, label, formatTime(createdAt)])
  for (const line of renderTable(columns, rows, output.colors.bold)) output.line(line)
  return { exitCode: 0, result: { target, ...report } }
}

/** Paths on a command line start at the working folder, unlike those of the configuration. */
function newPassphrase(
  { passphraseEnv, passphraseFile, passphraseCommand }: KeyAddOptions,
  cwd: string,
): SecretReference {
  const [program, ...args] = passphraseCommand ?? []
  const located = program?.includes('/') === true ? resolve(cwd, program) : program
  const given: SecretReference[] = [
    ...(passphraseEnv === undefined ? [] : [{ env: passphraseEnv }]),
    ...(passphraseFile === undefined ? [] : [{ file: resolve(cwd, passphraseFile) }]),
    ...(located === undefined ? [] : [{ command: [located, ...args] as const }]),
  ]
  const [only] = given
  if (only !== undefined && given.length === 1) return only
  throw new BackupError('E_USAGE', 'Say where the new passphrase is, in exactly one way.', {
    hint: 'Give --passphrase-env NAME, --passphrase-file FILE or --passphrase-command PROGRAM ARGUMENT…; never the passphrase itself.',
  })
}
