import {
  type ChangeToken,
  type DiskId,
  type DiskSpec,
  isBackupError,
  type Machine,
  type MachineId,
} from '@holdfast/core'
import { type ByteRange, type ImageFormat, imageFormats } from '@holdfast/formats'
import { z } from 'zod'
import { sourceError } from '../errors.js'
import { printable } from '../printable.js'
import { byteRanges } from './byte-range.js'
import type { DiskPlace } from './disk-place.js'

/** What is known of a machine before its disks are opened: from `machine.json`, or from a hypervisor's description. */
export interface MachineDescription
  extends Partial<Pick<Machine, 'id' | 'name' | 'firmware' | 'cpus' | 'memoryBytes' | 'nics' | 'native'>> {
  readonly labels?: Readonly<Record<string, string>>
  /** Absent: the images of the folder are the disks. */
  readonly disks?: readonly DiskDescription[]
}

/** What is known of one disk before its file is opened. */
export interface DiskDescription extends Pick<DiskSpec, 'id' | 'label' | 'bus' | 'bootOrder'> {
  /** Path of the image, relative to the machine's folder; `/`-separated, without `..`. With `at`, what that says. */
  readonly file: string
  /** Absent: it is `file`. */
  readonly at?: DiskPlace
  /** Absent: the name of the file decides whether it is raw, and otherwise its bytes. */
  readonly format?: ImageFormat
  /** Size by the description: for when the image cannot be asked. */
  readonly statedBytes?: number
  /** Names the disk's present content. */
  readonly changeToken?: ChangeToken
  readonly changes?: RecordedChanges
}

/** Extents that changed since a token, as somebody recorded them. */
export interface RecordedChanges {
  readonly since: ChangeToken
  readonly extents: readonly ByteRange[]
}

const maxDisks = 1024
const maxLabels = 1024
const maxNics = 1024

const plainName = z
  .string()
  .min(1, 'must not be empty')
  .max(255, 'must be at most 255 characters')
  .refine((text) => !/[/\\\p{Cc}]/u.test(text), 'must not contain slashes, backslashes or control characters')
  .refine((text) => !/^\.+$/.test(text), 'must not consist of dots only')

/** Checks a machine's id. */
export const machineIdSchema = plainName.transform((text) => text as MachineId)
/** Checks a disk's id. */
export const diskIdSchema = plainName.transform((text) => text as DiskId)

const token = z
  .string()
  .min(1, 'must not be empty')
  .max(4096, 'must be at most 4096 characters')
  .transform((text) => text as ChangeToken)

const imagePath = z
  .string()
  .min(1, 'must not be empty')
  .max(4096, 'must be at most 4096 characters')
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
  .refine((text) => !/^([/\\]|[A-Za-z]:)/.test(text), "must be relative to the machine's folder")
  .refine((text) => !text.includes('\\'), "must separate folders by '/'")
  .refine(
    (text) => text.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    "must not contain '..', '.' or empty parts",
  )

const disk = z.strictObject({
  id: diskIdSchema,
  file: imagePath,
  format: z.enum(imageFormats).exactOptional(),
  label: z.string().max(1024).exactOptional(),
  bus: z.enum(['scsi', 'sata', 'ide', 'nvme', 'virtio', 'xen']).exactOptional(),
  bootOrder: z.int().min(0).exactOptional(),
  changeToken: token.exactOptional(),
  changes: z.strictObject({ since: token, extents: byteRanges }).exactOptional(),
})

// Counted before the parts are checked: a hostile file of millions of wrong entries must not become millions of issues.
const fewDisks = z.array(z.unknown()).max(maxDisks, `must be at most ${maxDisks} disks`)
const fewLabels = z
  .record(z.string(), z.unknown())
  .refine((labels) => Object.keys(labels).length <= maxLabels, `must be at most ${maxLabels} labels`)

const nic = z.strictObject({
  macAddress: z.string().max(64).exactOptional(),
  network: z.string().max(1024).exactOptional(),
  model: z.string().max(255).exactOptional(),
})

const machine = z.strictObject({
  id: machineIdSchema.exactOptional(),
  name: z.string().min(1, 'must not be empty').max(1024).exactOptional(),
  firmware: z.enum(['bios', 'uefi']).exactOptional(),
  cpus: z.int().min(1).exactOptional(),
  memoryBytes: z.int().min(1).exactOptional(),
  nics: z
    .array(z.unknown())
    .max(maxNics, `must be at most ${maxNics} network cards`)
    .pipe(z.array(nic))
    .exactOptional(),
  labels: fewLabels.pipe(z.record(z.string(), z.string())).exactOptional(),
  disks: fewDisks.pipe(z.array(disk)).superRefine(refuseDuplicates).exactOptional(),
})

/**
 * Parses the text of a `machine.json`; `path` is for messages.
 *
 * @throws BackupError `E_SOURCE_INVALID`, naming file and field
 */
export function parseMachineDescription(bytes: Uint8Array, path: string): MachineDescription {
  const parsed = machine.safeParse(parseJson(bytes, path))
  if (parsed.success) return parsed.data
  const [first, ...others] = parsed.error.issues
  const where = first === undefined ? '' : z.core.toDotPath(first.path)
  const problem = `${where === '' ? '' : `${where}: `}${first?.message}${others.length > 0 ? ` (and ${others.length} more)` : ''}`
  throw sourceError('E_SOURCE_INVALID', `${path} is wrong: ${printable(problem)}`, {
    operation: 'source.prepare',
    context: { file: path, field: printable(where) },
    hint: 'Correct the file; the README of @holdfast/source-image lists the fields.',
    cause: parsed.error,
  })
}

/** Checks a name that came from a file or folder. @throws BackupError `E_SOURCE_INVALID` */
export function parseName<T>(schema: z.ZodType<T, string>, text: string, what: string): T {
  const parsed = schema.safeParse(text)
  if (parsed.success) return parsed.data
  throw sourceError('E_SOURCE_INVALID', `The name of ${what} cannot be an id: it ${parsed.error.issues[0]?.message}.`, {
    operation: 'source.prepare',
    hint: 'Rename it, or give an id in machine.json.',
  })
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    if (isBackupError(cause)) throw cause
    const problem = cause instanceof SyntaxError ? `not JSON: ${printable(cause.message)}` : 'not UTF-8 text'
    throw sourceError('E_SOURCE_INVALID', `${path} is ${problem}`, {
      operation: 'source.prepare',
      context: { file: path },
      hint: 'Correct the file, or remove it: without it, every image of the folder is a disk.',
      cause,
    })
  }
}

function refuseDuplicates(disks: readonly { readonly id: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [index, { id }] of disks.entries()) {
    if (seen.has(id))
      context.addIssue({ code: 'custom', path: [index, 'id'], message: `'${id}' is the id of an earlier disk` })
    seen.add(id)
  }
}
