import { BackupError, type PluginContext, type SecretReference, secretValue } from '@holdfast/core'
import { runSecretCommand } from './secret-command.js'
import { readSecretFile } from './secret-file.js'

/** What secrets may come from. */
export interface SecretResolverOptions {
  /** Folder that relative paths of files and commands start from. */
  readonly baseDir: string
  /** Where `{ env }` looks, and the environment of commands. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Longest that a command may take. @defaultValue `10_000` */
  readonly commandTimeoutMs?: number
}

/**
 * Makes the function that turns references into secrets.
 *
 * Guarantee: nothing is kept between calls; no message holds a secret or what a command printed. One line end at the end
 * of a file or of a command's output is not part of the secret. Abort: stops a running command, rejects with the reason.
 * @throws BackupError `E_SECRET` (also for an empty secret), `E_CONFIG` for what is no reference
 */
export function createSecretResolver({
  baseDir,
  environment,
  commandTimeoutMs: timeoutMs = 10_000,
}: SecretResolverOptions): PluginContext['resolveSecret'] {
  return async (reference, { signal }) => {
    signal.throwIfAborted()
    const checked = checkReference(reference)
    if ('env' in checked) return secretValue(fromEnvironment(checked.env, environment))
    if ('file' in checked) return secretValue(await readSecretFile(checked.file, { baseDir, signal }))
    return secretValue(await runSecretCommand(checked.command, { baseDir, environment, timeoutMs, signal }))
  }
}

function fromEnvironment(name: string, environment: SecretResolverOptions['environment']): string {
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined
  if (text !== undefined && text !== '') return text
  throw new BackupError('E_SECRET', `The environment variable ${name} is ${text === '' ? 'empty' : 'not set'}.`, {
    hint: `Set ${name} to the secret before the start.`,
    context: { env: name },
  })
}

function checkReference(reference: SecretReference): SecretReference {
  const given: unknown = reference
  if (typeof given === 'object' && given !== null && Object.keys(given).length === 1) {
    if ('env' in given && isText(given.env)) return reference
    if ('file' in given && isText(given.file)) return reference
    if ('command' in given && isCommand(given.command)) return reference
  }
  throw new BackupError('E_CONFIG', 'This is no reference to a secret.', {
    hint: 'Give exactly one of { env: NAME }, { file: PATH } and { command: [PROGRAM, ARGUMENT] }.',
  })
}

function isCommand(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const [program, ...args]: readonly unknown[] = value
  return isText(program) && args.every((arg) => arg === '' || isText(arg))
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}
