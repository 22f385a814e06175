import { BackupError } from '@holdfast/core'

/** Takes the secret out of bytes: UTF-8 without the line end at its end, and not empty. @throws BackupError `E_SECRET` */
export function secretText(bytes: Uint8Array, origin: string): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new BackupError('E_SECRET', `${origin} gives no UTF-8 text.`, {
      hint: 'Secrets are text; encode binary ones, as base64.',
      cause,
    })
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new BackupError('E_SECRET', `${origin} gives nothing.`, { hint: 'An empty secret protects nothing.' })
}
