import { isSecretReference, type SecretReference } from '@holdfast/core'
import { z } from 'zod'

/** Options of {@link aesGcmTransform}. */
export interface AesGcmTransformOptions {
  /** Where the passphrase of the repository is: `{ env }`, `{ file }` or `{ command }`; never the passphrase itself. */
  readonly passphrase: SecretReference
}

const referenceExpected = 'expected a reference: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT...] }'
const text = { type: 'string', minLength: 1 }

/** Takes exactly what the contract calls a reference; `meta` says the same to editors, as JSON schema. */
const secretReference = z
  .looseObject({}, referenceExpected)
  .meta({
    properties: { env: text, file: text, command: { type: 'array', items: text, minItems: 1 } },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  })
  .pipe(z.custom<SecretReference>(isSecretReference, referenceExpected))

/** Checks the options. */
export const aesGcmOptions = z.strictObject({
  passphrase: secretReference.describe('Where the passphrase of the repository is kept'),
})
