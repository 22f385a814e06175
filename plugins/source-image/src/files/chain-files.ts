import { isBackupError } from '@holdfast/core'
import { type FileOpener, ImageError, type NamedSource } from '@holdfast/formats'
import { type HoleSeeker, walkHoles } from '@holdfast/machine-files'
import { readError, systemCode } from '../errors.js'
import { type DiskFile, diskFile } from './disk-file.js'
import type { FolderRules } from './folder-rules.js'
import { namedPaths } from './named-paths.js'
import { openRegularFile } from './regular-file.js'

/** A file of a chain, and the path of the file that names it; absent for the image itself. */
export interface ChainFile {
  readonly file: DiskFile
  readonly namedBy?: string
}

/** The files of a chain as a codec reads them, each stamped before its first byte was read. */
export interface ChainFiles {
  /** Makes the source of the image itself. */
  readonly first: (file: DiskFile) => NamedSource
  /** Opens what images name. A file that may not be had counts as missing: an image often knows a second name. */
  readonly open: FileOpener
  /** Why the first such file may not be had; when an image then lacks a file, this is the reason to report. */
  readonly refusal: () => ImageError | undefined
  /** Lists the files that were opened and not closed again. */
  readonly list: () => readonly ChainFile[]
  /** Lists all files that were ever opened, in that order. */
  readonly all: () => readonly ChainFile[]
}

/** What opening the files of a chain needs. */
export interface ChainFilesOptions {
  /** Id of the disk, for errors. */
  readonly disk: string
  readonly rules: FolderRules
  readonly seeker: HoleSeeker | undefined
}

/** Keeps account of the files of one chain. What an image names is untrusted: only files that the rules allow are opened. */
export function chainFiles({ disk, rules, seeker }: ChainFilesOptions): ChainFiles {
  const all: ChainFile[] = []
  const closed = new Set<DiskFile>()
  const refusals: ImageError[] = []

  const source = (file: DiskFile, namedBy?: string): NamedSource => {
    all.push({ file, ...(namedBy !== undefined && { namedBy }) })
    return {
      name: file.path,
      source: {
        sizeBytes: file.opened.sizeBytes,
        read: (offset, into) => readWhole(disk, file, offset, into),
        dataRanges: async function* (range) {
          for await (const { kind, ...data } of walkHoles([range], { seeker, fd: file.fd }))
            if (kind === 'data') yield data
        },
      },
      close: async () => {
        closed.add(file)
        await file.close()
      },
    }
  }

  return {
    first: (file) => source(file),
    open: async (name, from) => {
      const paths = await namedPaths(name, from.name, rules)
      if (paths.length === 0) refusals.push(outside(name, from.name))
      for (const path of paths) {
        const opened = await openRegularFile(path, linkBounds(rules))
        if (opened.kind === 'open') return source(diskFile(opened.handle, path), from.name)
        if (opened.kind !== 'missing') refusals.push(unusable(path, from.name, opened.reason))
      }
      return undefined
    },
    refusal: () => refusals[0],
    list: () => all.filter(({ file }) => !closed.has(file)),
    all: () => all,
  }
}

function linkBounds({ folder, parentsIn, followSymlinks }: FolderRules): readonly string[] | undefined {
  return followSymlinks ? undefined : [folder, ...parentsIn]
}

function outside(name: string, from: string): ImageError {
  return new ImageError(
    'refused-file',
    `it names ${JSON.stringify(name)}, which is below neither the machine's folder nor one of parentsIn`,
    {
      file: from,
      hint: 'An image can name any file of this system. If this one is meant, add its folder to option parentsIn.',
    },
  )
}

function unusable(path: string, from: string, reason: string): ImageError {
  return new ImageError('refused-file', `it needs ${path}, but ${reason}`, { file: from })
}

async function readWhole(disk: string, file: DiskFile, offset: number, into: Uint8Array): Promise<void> {
  try {
    for (let filled = 0; filled < into.byteLength; ) {
      const bytesRead = await file.read(into, filled, into.byteLength - filled, offset + filled)
      if (bytesRead === 0)
        throw readError(
          disk,
          file.path,
          `it ends at ${offset + filled} bytes, before its size of ${file.opened.sizeBytes}`,
        )
      filled += bytesRead
    }
  } catch (cause) {
    const code = systemCode(cause)
    throw isBackupError(cause) || code === undefined ? cause : readError(disk, file.path, code, { cause })
  }
}
