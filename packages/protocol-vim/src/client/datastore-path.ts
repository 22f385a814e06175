import { VimError } from '../vim-error.js'

/** A file on a datastore, as vSphere writes it: `[datastore] folder/file`. */
export interface DatastorePath {
  readonly datastore: string
  /** Without a slash at its beginning. */
  readonly path: string
}

/** Reads it. @throws VimError `protocol` */
export function parseDatastorePath(text: string): DatastorePath {
  const match = /^\[(?<datastore>[^\]]+)\] ?\/?(?<path>.*)$/s.exec(text)
  const { datastore, path } = match?.groups ?? {}
  if (datastore === undefined || path === undefined)
    throw new VimError('protocol', `${text} is no path of a datastore.`)
  return { datastore, path }
}

/** Writes it. */
export function formatDatastorePath({ datastore, path }: DatastorePath): string {
  return `[${datastore}] ${path}`
}
