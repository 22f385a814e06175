import { BackupError, isBackupError } from '@holdfast/core'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../../exit-code.js'
import type { Invocation } from '../../invocation.js'
import { usageError } from '../../output.js'
import { type ErrorDocument, errorDocument } from '../../render/errors.js'
import type { MediumHandledEvent } from '../../render/json-events.js'
import { printable } from '../../render/printable.js'

/** Which library. */
export interface TapeOptions {
  readonly target?: string
}

/** What became of a medium, as the last line of `--json` tells it. */
export interface MediumOutcome {
  readonly medium?: string
  readonly place?: string
  readonly location?: string
  readonly error?: ErrorDocument
}

/** Media that were named, each once. @throws BackupError `E_USAGE` for what names none */
export function namedMedia(names: readonly string[]): readonly string[] {
  const wrong = names.find((name) => name === '' || name.includes('*'))
  if (wrong === undefined) return [...new Set(names)]
  throw usageError(`'${wrong}' is no name of a medium.`, 'Name each by its barcode: see holdfast tape inventory.')
}

/**
 * Does something to each medium, one after the other. Of several, one that fails is told of and the others are done.
 *
 * @throws what `action` throws, when there is only one
 */
export async function eachMedium(
  { output, signal }: Invocation,
  names: readonly string[],
  action: (name: string) => Promise<MediumOutcome>,
): Promise<{ readonly exitCode: ExitCode; readonly media: readonly MediumOutcome[] }> {
  const media: MediumOutcome[] = []
  const codes: ExitCode[] = []
  for (const name of names) {
    try {
      media.push(await action(name))
      codes.push(0)
    } catch (thrown) {
      signal.throwIfAborted()
      const error = naming(name, thrown)
      if (names.length === 1) throw error
      output.error(error)
      media.push({ medium: name, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), media }
}

/** Of several media that fail for the same reason, each must say which it was. */
function naming(medium: string, error: unknown): unknown {
  if (!isBackupError(error) || error.context['medium'] !== undefined) return error
  const { code, message, retry, plugin, operation, context, hint, cause = error } = error
  return new BackupError(code, message, {
    retry,
    context: { medium, ...context },
    cause,
    ...(plugin !== undefined && { plugin }),
    ...(operation !== undefined && { operation }),
    ...(hint !== undefined && { hint }),
  })
}

/** Tells that something was done to a medium. */
export function tellHandled(
  { output }: Invocation,
  action: MediumHandledEvent['action'],
  { medium, place }: { readonly medium?: string | undefined; readonly place?: string | undefined },
  text: string,
): MediumOutcome {
  const outcome = { ...(medium !== undefined && { medium }), ...(place !== undefined && { place }) }
  output.event({ type: 'medium-handled', action, ...outcome })
  output.line(printable(`${medium ?? 'A medium without a name that can be read'}: ${text}`))
  return outcome
}
