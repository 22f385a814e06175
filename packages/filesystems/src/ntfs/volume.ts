import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import type { BootSector } from './boot-sector.js'
import type { FileRecord, FileReference } from './file-record.js'

/** An NTFS volume and its master file table. */
export interface NtfsVolume {
  /** For the content of files. */
  readonly reader: VolumeReader
  /** For metadata that lies in clusters as files do: what it reads is cached. */
  readonly cached: VolumeReader
  readonly boot: BootSector
  /**
   * Reads the record of a file, or one that continues it.
   *
   * @throws FilesystemError `damaged`, also when the record was used for another file since
   */
  readonly record: (reference: FileReference, options: CallOptions) => Promise<FileRecord>
}

/** A reference to a record whatever it was used for. */
export function anyUseOf(number: number): FileReference {
  return { number, sequence: 0 }
}

/** Reads content by way of the cache too. */
export function cachedReader(reader: VolumeReader): VolumeReader {
  return {
    ...reader,
    content: async (offset, into, options) => {
      into.set(await reader.structure(offset, into.byteLength, 'metadata', options))
    },
  }
}
