import type { NamedSource } from '@holdfast/formats'
import type { ChainFiles } from '../files/chain-files.js'
import { describedPaths } from '../files/described-paths.js'
import { type DiskFile, diskFile } from '../files/disk-file.js'
import { fileBytes } from '../files/file-bytes.js'
import { linkBounds, pathInMachine } from '../files/folder-rules.js'
import { openFile } from '../files/open-file.js'
import type { DiskDescription } from '../machines/machine-description.js'
import type { OpeningRules } from './open-disk.js'

/** The file of a disk's image, open, or why it cannot be had. */
export type OpenedPlace = OpenPlace | { readonly kind: 'unavailable'; readonly reason: string }

/** The file of a disk's image. */
export interface OpenPlace {
  readonly kind: 'open'
  readonly file: DiskFile
  readonly source: NamedSource
  /** The image is a part of the file. */
  readonly isPart: boolean
  /** The names that the image has: as described, and as it is after all links. */
  readonly names: readonly string[]
}

/**
 * Opens the file that holds a disk's image.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE` when the trouble is not this disk's alone, `E_SOURCE_READ`, `E_SOURCE_INVALID`
 */
export async function openPlace(disk: DiskDescription, opening: OpeningRules, files: ChainFiles): Promise<OpenedPlace> {
  const { at, file } = disk
  switch (at?.kind) {
    case undefined: {
      const { rules } = opening
      return openWhole([pathInMachine(rules, file)], rules.followSymlinks ? undefined : [rules.folder], files)
    }
    case 'named': {
      const paths = await describedPaths(file, at.by, opening.rules)
      const opened =
        paths.length === 0 ? unavailable(outside) : await openWhole(paths, linkBounds(opening.rules), files)
      if (opened.kind === 'open' || at.said === undefined) return opened
      return unavailable(`${opened.reason}; ${at.said}`)
    }
    case 'packed':
      return openPacked(disk, at.ova, opening, files)
    case 'nowhere':
      return unavailable(at.reason)
  }
}

const outside =
  "it is below neither the machine's folder nor one of parentsIn; if it is meant, add its folder to option parentsIn"

async function openWhole(
  paths: readonly string[],
  within: readonly string[] | undefined,
  files: ChainFiles,
): Promise<OpenedPlace> {
  let missing = 'there is no such file'
  for (const path of paths) {
    const opened = await openFile(path, within)
    if (opened.kind === 'open') {
      const file = diskFile(opened.handle, path)
      return { kind: 'open', file, source: files.first(file), isPart: false, names: [path, opened.realPath] }
    }
    if (opened.kind !== 'missing') return unavailable(opened.reason)
    missing = opened.reason
  }
  return unavailable(missing)
}

/** Opens an OVA and finds the image in it: listed anew, so that what is found there is there now. */
async function openPacked(
  { id, file: name }: DiskDescription,
  path: string,
  { rules, seeker }: OpeningRules,
  files: ChainFiles,
): Promise<OpenedPlace> {
  const opened = await openFile(path, linkBounds(rules))
  if (opened.kind !== 'open') return unavailable(opened.reason)
  const file = diskFile(opened.handle, path)
  try {
    const { listOva, partOf } = await import('@holdfast/descriptions/ovf')
    const members = await listOva(fileBytes(id, file, seeker))
    const member = members.find((each) => each.name === name)
    if (member !== undefined) {
      const source = files.first(file, { name, of: (whole) => partOf(whole, member) })
      return { kind: 'open', file, source, isPart: true, names: [name] }
    }
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return unavailable('the OVA holds no such file')
}

function unavailable(reason: string): OpenedPlace {
  return { kind: 'unavailable', reason }
}
