import { isSecretReference, type SecretReference } from '@holdfast/core'
import { z } from 'zod'

/** A way to the bytes of a snapshot. */
export type TransportOption =
  /** Files of datastores that this host can read, by the datastore's name: a mounted NFS share, a folder. */
  | { readonly kind: 'san'; readonly datastores: Readonly<Record<string, string>> }
  /** Spans of the files of datastores, over HTTPS. */
  | { readonly kind: 'https' }
  /** An export of the snapshot: whole disks, put into the folder for temporary files first. */
  | { readonly kind: 'nfc' }

/** Programs that are run in the guest around the snapshot, through VMware Tools. */
export interface GuestScripts {
  readonly user: string
  readonly password: SecretReference
  /** Path of the program that is run before the snapshot; ending with anything but 0 fails the backup. */
  readonly preFreeze?: string | undefined
  /** Path of the program that is run after it, whatever came of it. */
  readonly postThaw?: string | undefined
  /** Longest that one may run, in ms. @defaultValue `60_000` */
  readonly timeoutMs?: number | undefined
}

/** Options of {@link vmwareSource}. Relative paths start from the config file's folder. */
export interface VmwareSourceOptions {
  /** Name or address of the vCenter or ESXi host. */
  readonly host: string
  /** @defaultValue 443 */
  readonly port?: number | undefined
  readonly user: string
  readonly password: SecretReference
  /** SHA-256 or SHA-1 of the server's certificate: that one is accepted, and no other. @defaultValue the authorities of the system */
  readonly thumbprint?: string | undefined
  /** File with the certificates of authorities, in PEM. @defaultValue those of the system */
  readonly ca?: string | undefined
  /** False speaks without TLS, to a simulator on the same host and nothing else. @defaultValue true */
  readonly tls?: boolean | undefined
  /** Ways to the bytes; the first that works is taken, for each disk. @defaultValue `[{ kind: 'https' }]` */
  readonly transports?: readonly TransportOption[] | undefined
  /**
   * Whether VMware Tools bring the guest's file systems to rest: `always` fails without, `if-possible` goes on with a crash-consistent
   * snapshot and says so.
   *
   * @defaultValue `if-possible`
   */
  readonly quiesce?: 'always' | 'if-possible' | 'never' | undefined
  readonly guestScripts?: GuestScripts | undefined
  /** Labels or ids of disks to leave out, such as `Hard disk 2` or `scsi0:1`. @defaultValue none */
  readonly excludeDisks?: readonly string[] | undefined
  /** Snapshots that there may be at a time, over all machines of a run. @defaultValue 4 a datastore, 8 a host */
  readonly limits?: { readonly snapshotsPerDatastore?: number; readonly snapshotsPerHost?: number } | undefined
  /** Least part of a datastore that must be free before a snapshot is taken. @defaultValue 0.05 */
  readonly minFree?: number | undefined
  /** Most snapshots that a machine may have, and still be captured. @defaultValue 8 */
  readonly maxSnapshots?: number | undefined
}

const text = (expected: string) => z.string(expected).min(1, expected)
const referenceExpected = 'expected a reference: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT...] }'
const referenceText = { type: 'string', minLength: 1 }

const secretReference = z
  .looseObject({}, referenceExpected)
  .meta({
    properties: {
      env: referenceText,
      file: referenceText,
      command: { type: 'array', items: referenceText, minItems: 1 },
    },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  })
  .pipe(z.custom<SecretReference>(isSecretReference, referenceExpected))

const count = z.number('expected a number').int('expected a whole number').min(1).max(1000)

const transport = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('san'),
    datastores: z.record(z.string(), text('expected a folder')).describe('Folder of each datastore, by its name'),
  }),
  z.strictObject({ kind: z.literal('https') }),
  z.strictObject({ kind: z.literal('nfc') }),
])

/** Checks and completes the options. */
export const vmwareOptions = z.strictObject({
  host: text('expected the name of a vCenter or host').describe('Name or address of the vCenter or ESXi host'),
  port: z.number('expected a port').int().min(1).max(65_535).optional().describe('Port of its API'),
  user: text('expected a user').describe('Who logs in'),
  password: secretReference.describe('Where the password is kept'),
  thumbprint: z
    .string()
    .regex(
      /^([0-9a-f]{2}:?){19}[0-9a-f]{2}$|^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i,
      'expected a SHA-256 or SHA-1 thumbprint',
    )
    .optional()
    .describe("SHA-256 or SHA-1 of the server's certificate"),
  ca: text('expected a file').optional().describe('File with the certificates of authorities, in PEM'),
  tls: z.boolean('expected true or false').default(true).describe('Whether TLS is spoken'),
  transports: z
    .array(transport, 'expected a list of transports')
    .min(1, 'expected at least one transport')
    .default([{ kind: 'https' }])
    .describe('Ways to the bytes, first choice first'),
  quiesce: z
    .enum(['always', 'if-possible', 'never'], "expected 'always', 'if-possible' or 'never'")
    .default('if-possible')
    .describe('Whether VMware Tools bring the guest to rest'),
  guestScripts: z
    .strictObject({
      user: text('expected a user of the guest'),
      password: secretReference,
      preFreeze: text('expected a path in the guest').optional(),
      postThaw: text('expected a path in the guest').optional(),
      timeoutMs: z.number('expected a number of milliseconds').int().min(100).max(3_600_000).default(60_000),
    })
    .optional()
    .describe('Programs run in the guest around the snapshot'),
  excludeDisks: z.array(text('expected the label or id of a disk')).default([]).describe('Disks to leave out'),
  limits: z
    .strictObject({ snapshotsPerDatastore: count.default(4), snapshotsPerHost: count.default(8) })
    .prefault({})
    .describe('Snapshots that there may be at a time'),
  minFree: z
    .number('expected a part between 0 and 1')
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Least part of a datastore that must be free'),
  maxSnapshots: z
    .number('expected a number')
    .int()
    .min(0)
    .max(32)
    .default(8)
    .describe('Most snapshots a machine may have'),
})

/** Options, checked and completed. */
export type VmwareSettings = z.infer<typeof vmwareOptions>
