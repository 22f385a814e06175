import { type FileOpener, ImageError, type NamedSource } from '@holdfast/formats'
import { type DatastorePath, formatDatastorePath, parseDatastorePath } from '@holdfast/protocol-vim'

/** Opens a file of a datastore; undefined when there is none. */
export type OpenDatastoreFile = (file: DatastorePath) => Promise<NamedSource | undefined>

/**
 * Makes the opener of files that a disk names: its extents, and the disk that it is a difference to.
 *
 * What a disk says is untrusted: only files of datastores are reached, by names beside it or by a datastore's name.
 */
export function datastoreOpener(open: OpenDatastoreFile): FileOpener {
  return async (name, from) => await open(resolved(name, parseDatastorePath(from.name)))
}

function resolved(name: string, from: DatastorePath): DatastorePath {
  const [, datastore, path] = /^\/vmfs\/volumes\/([^/]+)\/(.+)$/.exec(name) ?? []
  const folder = from.path.slice(0, from.path.lastIndexOf('/') + 1)
  const found =
    datastore !== undefined && path !== undefined ? { datastore, path } : { ...from, path: `${folder}${name}` }
  const isOutside = found.path.startsWith('/') || found.path.split('/').includes('..') || /[\\\0]/.test(found.path)
  if (!isOutside) return found
  throw new ImageError('refused-file', `${from.path} wants ${JSON.stringify(name)}, which is no file of a datastore`, {
    file: formatDatastorePath(from),
  })
}
