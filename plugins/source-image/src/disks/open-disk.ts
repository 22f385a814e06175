import { isBackupError } from '@holdfast/core'
import { type ImageFormat, imageCodecs, isImageError, type NamedSource } from '@holdfast/formats'
import { formatOfPath, type HoleSeeker } from '@holdfast/machine-files'
import { pathProblem } from '../errors.js'
import { type ChainFiles, chainFiles } from '../files/chain-files.js'
import { diskFile } from '../files/disk-file.js'
import { type FolderRules, pathInMachine } from '../files/folder-rules.js'
import { isFlatExtentName, isRawName } from '../files/image-names.js'
import { openRegularFile } from '../files/regular-file.js'
import type { DiskDescription } from '../machines/machine-description.js'
import { printable } from '../printable.js'
import type { DiskContent } from './disk-content.js'
import { openImageContent } from './image-content.js'
import { rawContent } from './raw-content.js'

/** How the files of a machine are opened. */
export interface OpeningRules {
  readonly rules: FolderRules
  readonly seeker: HoleSeeker | undefined
}

/** A disk that was opened, or why it cannot be had. */
export type OpenedDisk =
  | { readonly kind: 'open'; readonly content: DiskContent }
  | { readonly kind: 'unavailable'; readonly reason: string }

/**
 * Opens a disk with every file of its chain.
 *
 * `files`, when given, keeps account of them also when the disk turns out to be unavailable.
 * @throws BackupError `E_SOURCE_UNAVAILABLE` when the trouble is not this disk's alone
 */
export async function openDisk(
  disk: DiskDescription,
  { rules, seeker }: OpeningRules,
  files: ChainFiles = chainFiles({ disk: disk.id, rules, seeker }),
): Promise<OpenedDisk> {
  const path = pathInMachine(rules, disk.file)
  const opened = await openRegularFile(path, rules.followSymlinks ? undefined : [rules.folder])
  if (opened.kind !== 'open') return { kind: 'unavailable', reason: opened.reason }
  const file = diskFile(opened.handle, path)
  const source = files.first(file)
  try {
    const format = disk.format ?? (await formatOf(disk.file, opened.realPath, source))
    if (format === 'raw') return { kind: 'open', content: rawContent(disk.id, file, seeker) }
    if (isImageFormat(format)) return { kind: 'open', content: await openImageContent(source, format, files) }
    await file.close()
    return { kind: 'unavailable', reason: format.unclear }
  } catch (error) {
    await file.close()
    return { kind: 'unavailable', reason: reasonOf(error, path) }
  }
}

/** Why the format of an image cannot be told. */
interface UnclearFormat {
  readonly unclear: string
}

/**
 * Decides the format of an image that nobody has stated.
 *
 * A name decides for raw, and for nothing else: what a file of another name holds, its bytes say.
 */
async function formatOf(name: string, realPath: string, source: NamedSource): Promise<ImageFormat | UnclearFormat> {
  if (isFlatExtentName(name)) return { unclear: `it is an extent without its descriptor; ${restoreOrState}` }
  if (isRawName(name) || isRawName(realPath)) return 'raw'
  const promised = formatOfPath(name)
  const found = await recogniseImage(source)
  if (promised !== undefined) return found ?? { unclear: `it is no ${promised} image; ${restoreOrState}` }
  if (found === undefined) return 'raw'
  return {
    unclear: `it looks like ${found}, which a guest can make its raw disk look like; state its format in machine.json`,
  }
}

const restoreOrState = 'restore it from a good copy, or state its format in machine.json'

function isImageFormat(format: ImageFormat | UnclearFormat): format is ImageFormat {
  return typeof format === 'string'
}

/** Tells the format of a file by its bytes, `undefined` when it looks like none: raw is not looked for, since any file is. */
export async function recogniseImage(source: NamedSource): Promise<ImageFormat | undefined> {
  for (const codec of imageCodecs) if (codec.format !== 'raw' && (await codec.recognise(source))) return codec.format
  return undefined
}

/** Paths may be long, and a reason names two of them. */
const longestReason = 2000

/** Says why a disk cannot be opened. Rethrows what is not about the disk's files. */
function reasonOf(error: unknown, path: string): string {
  if (isImageError(error)) {
    const { message, file = path, hint } = error
    return printable(
      `${message}${file === path || message.includes(file) ? '' : ` (${file})`}${hint === undefined ? '' : `; ${hint}`}`,
      longestReason,
    )
  }
  if (isBackupError(error) && error.code === 'E_SOURCE_READ') return error.message
  const problem = pathProblem(error)
  if (problem === undefined) throw error
  return problem
}
