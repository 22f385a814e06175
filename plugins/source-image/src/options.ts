import { z } from 'zod'

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
    .string('expected the folder that holds the machines')
    .min(1, 'expected the folder that holds the machines')
    .refine((path) => !path.includes('\0'), 'a path cannot hold a NUL character')
    .describe('Folder with one sub-folder a machine'),
  followSymlinks: z
    .boolean('expected true or false')
    .default(true)
    .describe("Follow symbolic links that leave a machine's folder"),
})
