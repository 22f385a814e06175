import { BackupError, type SecretReference } from '@holdfast/core'
import { z } from 'zod'

/** Options of {@link aesGcmTransform}. */
export interface AesGcmTransformOptions {
  /** Where the passphrase of the repository is: `{ env }`, `{ file }` or `{ command }`; never the passphrase itself. */
  readonly passphrase: SecretReference
}

const nonEmpty = z.string().min(1)

/** Checks the options. */
export const aesGcmOptions = z.strictObject({
  passphrase: z
    .union(
      [
        z.strictObject({ env: nonEmpty }),
        z.strictObject({ file: nonEmpty }),
        z.strictObject({ command: z.tuple([nonEmpty], z.string()) }),
      ],
      { error: 'expected a reference: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT...] }' },
    )
    .describe('Where the passphrase of the repository is kept'),
})

/** Parses options, whoever wrote them. @throws BackupError `E_CONFIG` */
export function parseOptions(options: unknown): AesGcmTransformOptions {
  const parsed = aesGcmOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw new BackupError('E_CONFIG', `The options of transform 'aes-gcm' are wrong.\n${z.prettifyError(parsed.error)}`, {
    plugin: 'aes-gcm',
    hint: 'Name where the passphrase is kept, for instance passphrase: { env: HOLDFAST_PASSPHRASE }.',
    cause: parsed.error,
  })
}
