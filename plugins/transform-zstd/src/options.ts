import { BackupError } from '@holdfast/core'
import { z } from 'zod'

/** Options of {@link zstdTransform}. */
export interface ZstdTransformOptions {
  /**
   * Compression level: 1 to 22 compress ever better and slower, -1 to -7 ever faster and less.
   *
   * @defaultValue `3`
   */
  readonly level?: number | undefined
}

/** Checks and completes the options. */
export const zstdOptions = z.strictObject({
  level: z
    .int()
    .min(-7)
    .max(22)
    .refine((level) => level !== 0, 'level 0 is ambiguous: write 3, which zstd means by it')
    .default(3)
    .describe('Compression level: 1 to 22, or -1 to -7 for speed above all'),
})

/** Parses options, whoever wrote them. @throws BackupError `E_CONFIG` */
export function parseOptions(options: unknown): z.output<typeof zstdOptions> {
  const parsed = zstdOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw new BackupError('E_CONFIG', `The options of transform 'zstd' are wrong.\n${z.prettifyError(parsed.error)}`, {
    plugin: 'zstd',
    hint: 'The one option is level: a whole number from 1 to 22, or from -7 to -1.',
    cause: parsed.error,
  })
}
