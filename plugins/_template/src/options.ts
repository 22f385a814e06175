import { isSecretReference, type SecretReference } from '@holdfast/core'
import { z } from 'zod'

/** Options of {@link acmeTarget}. */
export interface AcmeTargetOptions {
  /** Address of the vault. */
  readonly endpoint: string
  /** Where the access token is kept; never the token itself. */
  readonly token: SecretReference
  /**
   * Put in front of every object's name, so that several repositories can share a vault.
   *
   * @defaultValue `''`
   */
  readonly prefix?: string | undefined
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

/** Checks and completes the options. */
export const acmeTargetOptions = z.strictObject({
  endpoint: z.url('expected the address of the vault, a URL').describe('Address of the vault'),
  token: secretReference.describe('Where the access token is kept'),
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9_-]+\/)*$/, "must be empty or parts that each end in '/'")
    .default('')
    .describe("Put in front of every object's name"),
})
