import { z } from 'zod'
import { sourceError } from './errors.js'

/** Options of {@link imageSource}. */
export interface ImageSourceOptions {
  /** Folder with one sub-folder a machine; a relative path starts from the config file's folder. */
  readonly path: string
  /**
   * Follow symbolic links that leave a machine's folder: linked machine folders, images and `machine.json`.
   *
   * @defaultValue `true`
   */
  readonly followSymlinks?: boolean | undefined
}

/** Checks and completes the options. */
export const imageOptions = z.strictObject({
  path: z
    .string()
    .min(1, 'name the folder that holds the machines')
    .refine((path) => !path.includes('\0'), 'a path has no NUL character')
    .describe('Folder with one sub-folder a machine'),
  followSymlinks: z.boolean().default(true).describe("Follow symbolic links that leave a machine's folder"),
})

/** Options with their defaults filled in. */
export type ParsedOptions = z.output<typeof imageOptions>

/** Parses options, whoever wrote them. @throws BackupError `E_CONFIG` */
export function parseOptions(options: unknown): ParsedOptions {
  const parsed = imageOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw sourceError('E_CONFIG', `The options of source 'image' are wrong.\n${z.prettifyError(parsed.error)}`, {
    hint: 'Give path, the folder with one sub-folder a machine, and if need be followSymlinks: true or false.',
    cause: parsed.error,
  })
}
