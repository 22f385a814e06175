import { isBackupError } from '@holdfast/core'
import { type ImageFormat, isImageError, type NamedSource, recogniseFormat } from '@holdfast/formats'
import { formatOfPath, type HoleSeeker, pathProblem } from '@holdfast/machine-files'
import { type ChainFiles, chainFiles } from '../files/chain-files.js'
import type { FolderRules } from '../files/folder-rules.js'
import { isFlatExtentName, isRawName } from '../files/image-names.js'
import type { DiskDescription } from '../machines/machine-description.js'
import { printable } from '../printable.js'
import type { DiskContent } from './disk-content.js'
import { openImageContent } from './image-content.js'
import { type OpenPlace, openPlace } from './open-place.js'
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
  let opened: OpenPlace | undefined
  try {
    const place = await openPlace(disk, { rules, seeker }, files)
    if (place.kind === 'unavailable') return place
    opened = place
    const { file, source, isPart } = place
    const format = disk.format ?? (await formatOf(disk, place))
    if (format === 'raw' && !isPart) return { kind: 'open', content: rawContent(disk.id, file, seeker) }
    if (isImageFormat(format)) return { kind: 'open', content: await openImageContent(source, format, files) }
    await file.close()
    return { kind: 'unavailable', reason: format.unclear }
  } catch (error) {
    await opened?.file.close()
    return { kind: 'unavailable', reason: reasonOf(error, opened?.file.path ?? disk.file) }
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
async function formatOf(
  { file: name, at }: DiskDescription,
  { names, source }: OpenPlace,
): Promise<ImageFormat | UnclearFormat> {
  if (isFlatExtentName(name)) return { unclear: `it is an extent without its descriptor; ${restoreOrState}` }
  if (names.some(isRawName)) return 'raw'
  const promised = formatOfPath(name)
  const found = await recogniseImage(source)
  if (promised !== undefined) return found ?? { unclear: `it is no ${promised} image; ${restoreOrState}` }
  if (found === undefined && at === undefined) return 'raw'
  // A hypervisor knows more formats than there are here, so that its word is needed for raw.
  if (found === undefined) return { unclear: `its description states no format that is known here; ${restoreOrState}` }
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
  const { imageCodecs } = await import('@holdfast/formats/codecs')
  return recogniseFormat(
    source,
    imageCodecs.filter(({ format }) => format !== 'raw'),
  )
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
  if (isBackupError(error) && (error.code === 'E_SOURCE_READ' || error.code === 'E_SOURCE_INVALID'))
    return error.message
  const problem = pathProblem(error)
  if (problem === undefined) throw error
  return problem
}
