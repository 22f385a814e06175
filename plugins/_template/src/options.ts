import { BackupError, type SecretReference } from '@holdfast/core'
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

const nonEmpty = z.string().min(1)

/** Checks and completes the options. */
export const acmeTargetOptions = z.strictObject({
  endpoint: z.url().describe('Address of the vault'),
  token: z
    .union(
      [
        z.strictObject({ env: nonEmpty }),
        z.strictObject({ file: nonEmpty }),
        z.strictObject({ command: z.tuple([nonEmpty], z.string()) }),
      ],
      { error: 'expected a reference: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT...] }' },
    )
    .describe('Where the access token is kept'),
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9_-]+\/)*$/, "must be empty or parts that each end in '/'")
    .default('')
    .describe("Put in front of every object's name"),
})

/** Options as the plugin works with them. */
export type ParsedOptions = z.output<typeof acmeTargetOptions>

/** Parses options, whoever wrote them. @throws BackupError `E_CONFIG` */
export function parseOptions(options: unknown): ParsedOptions {
  const parsed = acmeTargetOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw new BackupError('E_CONFIG', `The options of target 'acme' are wrong.\n${z.prettifyError(parsed.error)}`, {
    plugin: 'acme',
    hint: "A target needs endpoint: 'https://…' and token: { env: ACME_TOKEN }.",
    cause: parsed.error,
  })
}
