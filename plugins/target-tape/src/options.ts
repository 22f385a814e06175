import { isSecretReference, parseDurationMs, type SecretReference } from '@holdfast/core'
import { z } from 'zod'

/** A name and a secret of CHAP. */
export interface ChapOptions {
  readonly name: string
  readonly secret: SecretReference
}

/** A library whose changer and drives are logical units of one iSCSI target. */
export interface IscsiLibraryOptions {
  readonly kind: 'iscsi'
  readonly host: string
  /** @defaultValue 3260 */
  readonly port?: number | undefined
  /** Name of the target: `iqn.…`. */
  readonly target: string
  /** Number of the logical unit. */
  readonly changer: number
  /** Those of the drives, in the order in which the changer counts them. */
  readonly drives: readonly number[]
  /** @defaultValue none: the target must want no proof */
  readonly chap?: (ChapOptions & { readonly mutual?: ChapOptions | undefined }) | undefined
  /** Checksums on the wire: none, required, or where the target can. @defaultValue `'none'` */
  readonly digests?: 'none' | 'crc32c' | 'prefer-crc32c' | undefined
}

/** A library whose devices are those of this machine. */
export interface LinuxLibraryOptions {
  readonly kind: 'linux'
  /** Of the sg driver: `/dev/sg3`. */
  readonly changer: string
  /** Of the sg or the st driver, `/dev/sg4` or `/dev/nst0`, in the order in which the changer counts them. */
  readonly drives: readonly string[]
}

/** Options of {@link tapeTarget}. */
export interface TapeTargetOptions {
  readonly library: IscsiLibraryOptions | LinuxLibraryOptions
  /** Name of the pool that its cartridges are labelled for. */
  readonly pool: string
  /** Folder for the catalog; a relative one starts at the config file. One folder for all targets of one library. */
  readonly state: string
  /**
   * When a new set is begun: never while the last is kept, with each session, or with the first session of each day, week, month,
   * quarter or year (UTC). @defaultValue `'continue'`
   */
  readonly allocation?: 'continue' | 'new' | 'day' | 'week' | 'month' | 'quarter' | 'year' | undefined
  /** How long a set is kept after it was written to last: `'13w'`. @defaultValue for good */
  readonly keep?: string | undefined
  /** Barcodes of cartridges without a label that the pool may take; `*` stands for anything. @defaultValue `'*'` */
  readonly barcodes?: string | undefined
  /** How long to wait for somebody to bring a cartridge: `'2h'`. @defaultValue not at all */
  readonly waitForMedia?: string | undefined
  /** Program with arguments that is started when a cartridge is needed; it finds the pool in `HOLDFAST_POOL`. */
  readonly onMediaNeeded?: readonly string[] | undefined
}

const text = (expected: string) =>
  z
    .string(expected)
    .min(1, expected)
    .refine((value) => !/[\0\r\n]/.test(value), 'a line break or NUL is in it')

const logicalUnit = z.number('expected the number of a logical unit').int('expected a whole number').min(0).max(16_383)

const duration = text('expected a length of time, such as 13w').refine((value) => {
  try {
    return parseDurationMs(value) >= 0
  } catch {
    return false
  }
}, 'expected a length of time, such as 2h, 7d or 13w')

const chapIdentity = {
  name: text('expected the name for CHAP'),
  secret: z.custom<SecretReference>(
    isSecretReference,
    'expected where the secret is: { env: NAME }, { file: path } or { command: [program, argument] }',
  ),
}

const iscsiLibrary = z.strictObject({
  kind: z.literal('iscsi'),
  host: text('expected a host name or an address'),
  port: z.number('expected a port').int().min(1).max(65_535).default(3260),
  target: text('expected the name of an iSCSI target').regex(
    /^(iqn|eui|naa)\.[a-z0-9.:-]+$/,
    'expected the name of an iSCSI target, which begins with iqn., eui. or naa.',
  ),
  changer: logicalUnit.describe('Logical unit of the changer'),
  drives: z
    .array(logicalUnit)
    .min(1, 'expected at least one drive')
    .refine((units) => new Set(units).size === units.length, 'a drive is named twice')
    .describe('Logical units of the drives, in the order in which the changer counts them'),
  chap: z.strictObject({ ...chapIdentity, mutual: z.strictObject(chapIdentity).optional() }).optional(),
  digests: z.enum(['none', 'crc32c', 'prefer-crc32c'], "expected 'none', 'crc32c' or 'prefer-crc32c'").default('none'),
})

const device = text('expected the path of a device').regex(
  /^\/dev\//,
  'expected the path of a device, such as /dev/sg3',
)

const linuxLibrary = z.strictObject({
  kind: z.literal('linux'),
  changer: device.describe('Device of the changer'),
  drives: z
    .array(device)
    .min(1, 'expected at least one drive')
    .refine((paths) => new Set(paths).size === paths.length, 'a drive is named twice')
    .describe('Devices of the drives, in the order in which the changer counts them'),
})

/** Checks and completes the options. */
export const tapeOptions = z.strictObject({
  library: z
    .discriminatedUnion('kind', [iscsiLibrary, linuxLibrary], "expected a library of kind 'iscsi' or 'linux'")
    .describe('How the library is reached'),
  pool: text('expected the name of a pool')
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "lower-case letters, digits, '-' and '_', at most 63")
    .describe('Name of the pool that its cartridges are labelled for'),
  state: text('expected a folder for the catalog').describe('Folder for the catalog'),
  allocation: z
    .enum(
      ['continue', 'new', 'day', 'week', 'month', 'quarter', 'year'],
      "expected 'continue', 'new', or 'day' to 'year'",
    )
    .default('continue')
    .describe('When a new set is begun'),
  keep: duration.optional().describe('How long a set is kept after it was written to last'),
  barcodes: text("expected barcodes, such as 'W*'")
    .default('*')
    .describe('Barcodes of cartridges without a label that the pool may take'),
  waitForMedia: duration.optional().describe('How long to wait for somebody to bring a cartridge'),
  onMediaNeeded: z
    .array(text('expected a program and its arguments'))
    .min(1, 'expected a program')
    .optional()
    .describe('Program that is started when a cartridge is needed'),
})

/** The options, completed. */
export type CompleteTapeOptions = z.output<typeof tapeOptions>
