import { inspectSymbol } from './inspect-symbol.js'

/** Where a secret is kept; configs hold references, never the secret. */
export type SecretReference =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: readonly [string, ...string[]] }

/** A secret in memory. It prints as `[secret]` everywhere; `reveal()` is the one way to its text. */
export interface SecretValue {
  /** Returns the secret itself: for the call that needs it, never to be kept or printed. */
  readonly reveal: () => string
  readonly toString: () => string
  readonly toJSON: () => string
}

/** Tells whether a value is a secret reference: exactly one of `env`, `file` and `command`. */
export function isSecretReference(value: unknown): value is SecretReference {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false
  const { env, file, command } = value as {
    readonly env?: unknown
    readonly file?: unknown
    readonly command?: unknown
  }
  const isText = (text: unknown) => typeof text === 'string' && text.length > 0
  return isText(env) || isText(file) || (Array.isArray(command) && command.length > 0 && command.every(isText))
}

/** Wraps a secret so that logging, string building and JSON cannot show it. */
export function secretValue(text: string): SecretValue {
  const hidden = () => '[secret]'
  const value = { reveal: () => text, toString: hidden, toJSON: hidden, [inspectSymbol]: hidden }
  Object.defineProperty(value, 'reveal', { enumerable: false })
  return Object.freeze(value)
}

/** Says where a secret comes from without touching it, for plans and error messages. */
export function describeSecretReference(reference: SecretReference): string {
  if ('env' in reference) return `environment variable ${reference.env}`
  if ('file' in reference) return `file ${reference.file}`
  return `command ${reference.command[0]}`
}
