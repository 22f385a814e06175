import { openExt } from './ext/ext.js'
import { openFat } from './fat/fat.js'
import type { ByteSource, CallOptions, Filesystem } from './filesystem.js'
import { FilesystemError, unsupported } from './filesystem-error.js'
import { openNtfs } from './ntfs/ntfs.js'
import { recognise } from './recognise.js'
import { openXfs } from './xfs/xfs.js'

/**
 * Recognises and opens the file system of a disk or partition.
 *
 * @throws FilesystemError `unrecognised`, `unsupported` with the name of what it is instead, `damaged`, `limit`, `read`
 */
export async function openFilesystem(source: ByteSource, options: CallOptions): Promise<Filesystem> {
  const found = await recognise(source, options)
  if (found.is === 'unknown')
    throw new FilesystemError('unrecognised', 'There is no file system that is known.', {
      hint: 'It may be encrypted, empty, or part of a volume group; restore the whole disk to read it.',
    })
  if (found.is === 'foreign') throw unsupported(`this is ${found.name}, which is not read`)
  switch (found.kind) {
    case 'ext':
      return await openExt(source, options)
    case 'fat':
      return await openFat(source, options)
    case 'ntfs':
      return await openNtfs(source, options)
    case 'xfs':
      return await openXfs(source, options)
  }
}
