import { isBackupError } from '@holdfast/core'
import type { ByteSource } from '@holdfast/formats'
import { byteSource, type HoleSeeker, systemCode } from '@holdfast/machine-files'
import { readError } from '../errors.js'
import type { DiskFile } from './disk-file.js'

/** Makes the bytes of an open file as codecs read them; `disk` is for errors. */
export function fileBytes(disk: string, file: DiskFile, seeker: HoleSeeker | undefined): ByteSource {
  const bytes = byteSource({ sizeBytes: file.opened.sizeBytes, read: file.read, fd: file.fd }, seeker)
  return {
    ...bytes,
    read: async (offset, into) => {
      try {
        await bytes.read(offset, into)
      } catch (cause) {
        const problem = cause instanceof RangeError ? cause.message : systemCode(cause)
        throw isBackupError(cause) || problem === undefined ? cause : readError(disk, file.path, problem, { cause })
      }
    },
  }
}
