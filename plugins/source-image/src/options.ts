import { z } from 'zod'

/** Options of {@link imageSource}. */
export interface ImageSourceOptions {
  /** Folder with sub-folders, or descriptions, of machines; a relative path starts from the config file's folder. */
  readonly path: string
  /**
   * Folders beside a machine's own in which descriptions may name images, and images their parents, extents and data files.
   *
   * Relative paths start from the config file's folder. @defaultValue `[]`
   */
  readonly parentsIn?: readonly string[] | undefined
  /**
   * Follow symbolic links that leave a machine's folder: linked machine folders, images and descriptions.
   *
   * @defaultValue `true`
   */
  readonly followSymlinks?: boolean | undefined
}

const folder = (expected: string) =>
  z
    .string(expected)
    .min(1, expected)
    .refine((path) => !path.includes('\0'), 'a path cannot hold a NUL character')

/** Checks and completes the options. */
export const imageOptions = z.strictObject({
  path: folder('expected the folder that holds the machines').describe(
    'Folder with sub-folders, or descriptions, of machines',
  ),
  parentsIn: z
    .array(folder('expected a folder that holds shared images'), 'expected a list of folders')
    .default([])
    .describe("Folders beside a machine's own in which descriptions may name images, and images their parents"),
  followSymlinks: z
    .boolean('expected true or false')
    .default(true)
    .describe("Follow symbolic links that leave a machine's folder"),
})
