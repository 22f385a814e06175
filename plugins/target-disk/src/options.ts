import * as z from 'zod'

/** Options of the disk target. */
export interface DiskTargetOptions {
  /**
   * Folder that holds the objects. A relative one starts at the config file.
   *
   * When only its last part is missing, the first object that is stored makes it; a missing parent folder counts as a
   * disk that is not mounted.
   */
  readonly path: string
  /** Permissions of the objects, in octal: `'0640'`. @defaultValue `'0600'`, less what the umask takes */
  readonly fileMode?: string | undefined
  /** Permissions of the folders, in octal: `'0750'`. @defaultValue `'0700'`, less what the umask takes */
  readonly folderMode?: string | undefined
}

const octal = z
  .string({ error: "expected permissions in octal and in quotes, such as '0640'" })
  .regex(/^0?[0-7]{3}$/, "expected three octal digits with or without a leading 0, such as '0640'")

/** Checks the options of the disk target; unknown ones are refused. */
export const diskTargetOptions = z.strictObject({
  path: z
    .string({ error: 'expected the folder that holds the objects' })
    .min(1, 'expected the folder that holds the objects')
    .refine((path) => !path.includes('\0'), 'a path cannot hold a NUL character')
    .describe('Folder that holds the objects; a relative one starts at the config file.'),
  fileMode: octal
    .refine((mode) => (Number.parseInt(mode, 8) & 0o400) !== 0, 'the owner must be able to read: 4 in the first digit')
    .optional()
    .describe("Permissions of the objects, in octal and in quotes. Default: '0600'."),
  folderMode: octal
    .refine((mode) => (Number.parseInt(mode, 8) & 0o700) === 0o700, 'the owner needs all rights: 7 as the first digit')
    .optional()
    .describe("Permissions of the folders, in octal and in quotes. Default: '0700'."),
})
