import { BackupError } from './errors.js'
import type { OptionsIssue, OptionsSchema } from './plugin.js'

/**
 * Checks a factory's options against its schema and returns them parsed, with defaults filled in.
 *
 * One wording for all plugins: `The options of target 'disk' are wrong: path: …`. Never echoes a value: it may be a secret.
 * @throws BackupError `E_CONFIG`; `E_PLUGIN_INVALID` when the schema answers asynchronously
 */
export function parseOptions<Output>(
  kind: string,
  id: string,
  schema: OptionsSchema<Output>,
  options: unknown,
): Output {
  const result = schema['~standard'].validate(options)
  if (result instanceof Promise) {
    throw new BackupError('E_PLUGIN_INVALID', `The options schema of ${kind} '${id}' must answer at once.`, {
      plugin: id,
    })
  }
  if (result.issues === undefined) return result.value
  const problems = result.issues.map(describeIssue)
  throw new BackupError('E_CONFIG', `The options of ${kind} '${id}' are wrong: ${problems.join('; ')}.`, {
    plugin: id,
    hint: `See the options of ${kind} '${id}' in its README.`,
  })
}

function describeIssue(issue: OptionsIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}
