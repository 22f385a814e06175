import { z } from 'zod'

/** Options of {@link zstdTransform}. */
export interface ZstdTransformOptions {
  /**
   * Compression level: 1 to 22 compress ever better and slower, -1 to -7 ever faster and less.
   *
   * @defaultValue `1`: on a disk of files 8 % larger than 3, and almost twice as fast
   */
  readonly level?: number | undefined
}

const levels = 'expected a whole number from 1 to 22, or from -7 to -1'

/** Checks and completes the options. */
export const zstdOptions = z.strictObject({
  level: z
    .int(levels)
    .min(-7, levels)
    .max(22, levels)
    .refine((level) => level !== 0, 'level 0 is ambiguous: write 3, which zstd means by it')
    .default(1)
    .describe('Compression level: 1 to 22, or -1 to -7 for speed above all'),
})
