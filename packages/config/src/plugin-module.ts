import { checkPlugin, isBackupError, type Plugin, type PluginKind, type PluginModule } from '@holdfast/core'
import { describeIssue } from './describe-issue.js'
import { isAtOrBelow, isMapping, type KeyPath } from './key-path.js'
import { optionsJsonSchema } from './options-schema.js'
import type { Problem } from './problem.js'
import { hiddenTexts, plainSecretPaths, secretHint } from './secret-keys.js'

/** A plugin, or what is wrong with its options; paths start at the options. */
export type Created = { readonly plugin: Plugin } | { readonly problems: readonly Problem[] }

const kinds: ReadonlySet<unknown> = new Set<PluginKind>(['source', 'quiesce', 'transform', 'target'])

/** Tells whether an export is what the contract calls a plugin module. */
export function isPluginModule(value: unknown): value is PluginModule {
  if (!isMapping(value) || !kinds.has(value['kind']) || typeof value['id'] !== 'string') return false
  const { options } = value
  // Some libraries make schemas that are functions.
  if ((typeof options !== 'object' && typeof options !== 'function') || options === null) return false
  const standard: unknown = Reflect.get(options, '~standard')
  return isMapping(standard) && typeof standard['validate'] === 'function' && typeof value['create'] === 'function'
}

/** Checks options against a plugin's schema and makes the plugin. No message shows what may be a secret. */
export async function createPlugin(module: PluginModule, use: string, options: unknown): Promise<Created> {
  const hidden = hiddenTexts(options)
  const plain = plainSecretPaths(options)
  const problems: Problem[] = plain.map((path) => ({
    path,
    message: 'is a secret in plain text.',
    hint: secretHint(path.at(-1)),
  }))
  const result = await module.options['~standard'].validate(options)
  if (result.issues !== undefined) {
    const subject = { value: options, schema: optionsJsonSchema(module), fallbackHint: `See the options of '${use}'.` }
    const described = result.issues.flatMap((issue) => describeIssue(issue, subject))
    const others = described.filter(
      ({ path }) => !plain.some((secret) => isAtOrBelow(path, secret) || isAtOrBelow(secret, path)),
    )
    problems.push(...others.map((problem) => withoutSecrets(problem, hidden)))
  }
  if (problems.length > 0 || result.issues !== undefined) return { problems }
  try {
    return { plugin: checkPlugin(module.create(result.value), module.kind) }
  } catch (error) {
    return { problems: [withoutSecrets(failedCreation(error, use), hidden)] }
  }
}

function failedCreation(cause: unknown, use: string): Problem {
  const path: KeyPath = []
  if (isBackupError(cause)) {
    return { path, message: cause.message, hint: cause.hint ?? `See the options of '${use}'.`, cause }
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return {
    path,
    message: `the plugin could not be made: ${reason}`,
    hint: `This is a defect of '${use}'; tell its author.`,
    cause,
  }
}

function withoutSecrets(problem: Problem, hidden: readonly string[]): Problem {
  const shows = (text: string) => hidden.some((secret) => text.includes(secret))
  const causeText = isBackupError(problem.cause) || problem.cause instanceof Error ? problem.cause.message : ''
  if (!shows(problem.message) && !shows(problem.hint) && !shows(causeText)) return problem
  // The cause would show it too.
  const { cause: _shown, ...rest } = problem
  return {
    ...rest,
    message: 'is refused; the reason is not shown since it quotes a secret.',
    hint: 'See the options of the plugin.',
  }
}
