import { type ByteSource, type FileOpener, ImageError, type NamedSource } from '@holdfast/formats'
import { type HoleSeeker, namedPaths } from '@holdfast/machine-files'
import { type DiskFile, diskFile } from './disk-file.js'
import { fileBytes } from './file-bytes.js'
import { type FolderRules, linkBounds, namingRoots } from './folder-rules.js'
import { openFile } from './open-file.js'

/** A file of a chain. */
export interface ChainFile {
  /** Name by which codecs know it: its path, and of a part of an archive its name in there as well. */
  readonly name: string
  readonly file: DiskFile
  /** Name of the file that names it; absent for the image itself. */
  readonly namedBy?: string
}

/** An image within a file. */
export interface FilePart {
  readonly name: string
  /** Returns the bytes of the part. */
  readonly of: (whole: ByteSource) => ByteSource
}

/** The files of a chain as a codec reads them, each stamped before its first byte was read. */
export interface ChainFiles {
  /** Makes the source of the image itself: a file, or a part of one. */
  readonly first: (file: DiskFile, part?: FilePart) => NamedSource
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
  let isPacked = false

  const source = (file: DiskFile, { part, namedBy }: { part?: FilePart; namedBy?: string } = {}): NamedSource => {
    const name = part === undefined ? file.path : `${file.path}/${part.name}`
    const whole = fileBytes(disk, file, seeker)
    all.push({ name, file, ...(namedBy !== undefined && { namedBy }) })
    return {
      name,
      source: part === undefined ? whole : part.of(whole),
      close: async () => {
        closed.add(file)
        await file.close()
      },
    }
  }

  return {
    first: (file, part) => {
      isPacked = part !== undefined
      return source(file, part && { part })
    },
    open: async (name, from) => {
      if (isPacked) {
        refusals.push(packed(name, from.name))
        return undefined
      }
      const paths = await namedPaths(name, from.name, await namingRoots(rules))
      if (paths.length === 0) refusals.push(outside(name, from.name))
      for (const path of paths) {
        const opened = await openFile(path, linkBounds(rules))
        if (opened.kind === 'open') return source(diskFile(opened.handle, path), { namedBy: from.name })
        if (opened.kind !== 'missing') refusals.push(unusable(path, from.name, opened.reason))
      }
      return undefined
    },
    refusal: () => refusals[0],
    list: () => all.filter(({ file }) => !closed.has(file)),
    all: () => all,
  }
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

function packed(name: string, from: string): ImageError {
  return new ImageError('refused-file', `it names ${JSON.stringify(name)}, but an image in an OVA has to stand alone`, {
    file: from,
    hint: 'Unpack the OVA into a folder.',
  })
}

function unusable(path: string, from: string, reason: string): ImageError {
  return new ImageError('refused-file', `it needs ${path}, but ${reason}`, { file: from })
}
