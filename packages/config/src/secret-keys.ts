import type { KeyPath } from './key-path.js'

/** What to write where a secret belongs. */
export function secretHint(key: string | number | undefined): string {
  const name = typeof key === 'string' ? `${key}: ` : ''
  return `Give a reference: ${name}{ env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }.`
}

/** Tells whether a key names a secret itself, so that its value must be a reference. */
export function isSecretKey(key: string | number): boolean {
  return (
    typeof key === 'string' &&
    /(?:password|passwd|passphrase|passcode|secret|token|apikey|accesskey|secretkey|privatekey|encryptionkey|credential)s?$/.test(
      key.toLowerCase().replace(/[^a-z0-9]/g, ''),
    )
  )
}

/** Tells whether what is under a path may be a secret, so that it is never shown. */
export function mayHoldSecret(path: KeyPath): boolean {
  return path.some(
    (part) => typeof part === 'string' && /pass|pwd|secret|token|key|credential|auth|private/i.test(part),
  )
}

/** Finds every text or number that stands where only a reference to a secret may. */
export function plainSecretPaths(value: unknown, path: KeyPath = []): KeyPath[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]): KeyPath[] => {
    const key = Array.isArray(value) ? Number(name) : name
    const at = [...path, key]
    if (!isSecretKey(key)) return plainSecretPaths(inner, at)
    if (isPlain(inner)) return [at]
    return Array.isArray(inner) && inner.some(isPlain) ? [at] : plainSecretPaths(inner, at)
  })
}

/** Collects the texts that no message may contain; what references say (names, paths) may be shown. */
export function hiddenTexts(value: unknown, path: KeyPath = []): string[] {
  if (isPlain(value)) {
    const text = String(value)
    return mayHoldSecret(path) && text !== '' ? [text] : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const insideReference = mayHoldSecret(path) && /^(?:env|file|command)$/.test(name)
    return insideReference ? [] : hiddenTexts(inner, [...path, name])
  })
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
